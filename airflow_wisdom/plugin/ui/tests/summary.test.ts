import { describe, expect, it } from "vitest";

import { readSummary, shortId } from "../src/summary";
import { IMPORT, SYNC } from "./helpers";

describe("a summary", () => {
  it("of a sync has its numbers, plan and rows", () => {
    const summary = readSummary(SYNC)!;
    expect(summary).toMatchObject({ kind: "sync", version: 1, knowledgeBaseId: "kb-1", rowsRead: 78 });
    expect(summary.numbers).toMatchObject({ created: 6, updated: 9, removed: 4, unchanged: 62, invalid: 1, failed: 0 });
    expect(summary.plan).toMatchObject({ create: 6, update: 9, remove: 4, changes: ['+ create "A" (line 2): there is none'] });
    expect(summary.problems).toEqual([
      expect.objectContaining({ kind: "invalid", line: 79, name: "<img src=x onerror=alert(1)>", reason: "occurs already on line 78" }),
    ]);
    expect(summary.reports).toEqual([
      { label: "Invalid rows", path: "/reports/invalid.csv", of: "invalid" },
      { label: "Plan", path: "s3://bucket/plan.csv", of: null },
    ]);
  });

  it("of an import says between which lines a refused row is", () => {
    const summary = readSummary(IMPORT)!;
    expect(summary.numbers).toMatchObject({ imported: 90, refused: 20, invalid: 2, notStarted: 0 });
    expect(summary.problems[0]).toMatchObject({
      kind: "refused",
      name: "Article 90",
      reason: "A quick response with this name already exists.",
      within: "2 to 101",
    });
    expect(summary.totals).toMatchObject({ refused: 20, invalid: 2 });
  });

  it("of an old version, which had no kind, is known by its members", () => {
    const old = ({ summaryVersion, summaryKind, ...members }: Record<string, unknown>) => members;
    expect(readSummary(old(SYNC))).toMatchObject({ kind: "sync", version: 0, rowsRead: 78 });
    expect(readSummary(old(IMPORT))).toMatchObject({ kind: "import", version: 0 });
    expect(readSummary({ knowledgeBaseId: "kb", itemsExported: 3, path: "/x.csv" })).toMatchObject({ kind: "export", numbers: { exported: 3 } });
    expect(readSummary({ knowledgeBaseId: "kb", importJobId: "j", status: "COMPLETE" })).toMatchObject({ kind: "job", jobs: [{ id: "j" }] });
  });

  it("of a newer version is read as far as it is known", () => {
    const newer = { ...SYNC, summaryVersion: 7, somethingNew: { a: 1 }, plan: { ...SYNC.plan, create: "many" } };
    expect(readSummary(newer)).toMatchObject({ version: 7, rowsRead: 78, plan: { create: null, update: 9 } });
  });

  it("never says 0 where nobody knows", () => {
    const summary = readSummary({ ...IMPORT, rowsImported: null, rowsRefused: null, rowsUnknown: 110 })!;
    expect(summary.numbers).toMatchObject({ imported: null, refused: null, unknown: 110 });
    expect(summary.totals.refused).toBeNull();
  });

  it("may be nonsense in any of its parts", () => {
    const nonsense = [null, 3, "x", [], {}, { invalidRows: 3 }, "{broken"];
    for (const value of nonsense) expect(readSummary(value)).toBeUndefined();
    const odd = { summaryKind: "import", importJobs: [null, 3], failedRecords: ["x", {}], invalidRows: [[]], rowsRead: "7" };
    expect(readSummary(odd)).toMatchObject({ kind: "import", rowsRead: null, status: null });
  });

  it("may arrive as JSON in a text", () => {
    expect(readSummary(JSON.stringify(SYNC))).toMatchObject({ kind: "sync", rowsRead: 78 });
  });
});

it("an ARN is known by the id in which it ends", () => {
  expect(shortId("arn:aws:wisdom:us-east-1:123456789012:knowledge-base/kb")).toBe("kb");
  expect(shortId("kb")).toBe("kb");
  expect(shortId(null)).toBeNull();
});
