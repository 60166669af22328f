import { expect, it } from "vitest";

import { csv, safe } from "../src/csv";

it("a text that looks like a formula does not run as one", () => {
  for (const text of ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1", "'=1", "''=1", "<replace: x"]) {
    expect(safe(text)).toBe(`'${text}`);
  }
  for (const text of ["", "a", "a=1", "'a", "1-1"]) expect(safe(text)).toBe(text);
});

it("a text that is longer than a cell is cut, with a note that says so", () => {
  expect(safe("x".repeat(32_766))).toHaveLength(32_766);
  const cut = safe("x".repeat(40_000));
  expect(cut).toMatch(/^<replace: has 40,000 characters, and this is how it begins> x+$/);
  expect(cut.length).toBeLessThan(32_767);
});

it("cells with commas, quotes and line ends are quoted, numbers stay numbers", () => {
  expect(csv(["a", "b"], [["x,y", 'he said "no"'], ["two\nlines", -3], [null, "=1"]])).toBe(
    'a,b\r\n"x,y","he said ""no"""\r\n"two\nlines",-3\r\n,\'=1\r\n',
  );
});
