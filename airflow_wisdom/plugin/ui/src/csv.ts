/** Tables as CSV that is safe to open in a spreadsheet, as airflow_wisdom/rows/cells.py writes it. */

const LONGEST_CELL = 32_767;
const LEFT = 1_000;
const NOTE = "<replace: ";
const UNSAFE = new RegExp(`^'*(?:[=+\\-@\\t\\r\\n\\uff1d\\uff0b\\uff0d\\uff20]|${NOTE})`, "u");

/** A text as a cell that no spreadsheet takes for a formula: an apostrophe goes before one that looks like it. */
export function safe(text: string): string {
  const characters = text.length < LONGEST_CELL ? text.length : [...text].length;
  if (characters >= LONGEST_CELL) {
    const reason = `has ${characters.toLocaleString("en")} characters, and this is how it begins`;
    return `${NOTE}${reason}> ${[...text].slice(0, LEFT).join("")}`;
  }
  return UNSAFE.test(text) ? `'${text}` : text;
}

export function csv(header: readonly string[], rows: Iterable<readonly (string | number | null)[]>): string {
  const lines = [header, ...rows].map((row) => row.map(cell).join(","));
  return lines.map((line) => `${line}\r\n`).join("");
}

function cell(value: string | number | null): string {
  // A number is no text that anybody wrote: -1 is -1.
  const text = typeof value === "string" ? safe(value) : String(value ?? "");
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Let the browser save a text as a file. A byte-order mark tells Excel that it is UTF-8. */
export function download(name: string, content: string): void {
  const url = URL.createObjectURL(new Blob(["\ufeff", content], { type: "text/csv;charset=utf-8" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1_000);
}
