import { readFileSync } from "node:fs";
import { resolve } from "node:path";

import { expect, it } from "vitest";

const CSS = readFileSync(resolve(import.meta.dirname, "../src/style.css"), "utf-8");
const OUTCOMES = ["created", "updated", "imported", "removed", "unchanged", "differing", "refused", "invalid", "failed"];

type Vector = readonly [number, number, number];
type Matrix = readonly [Vector, Vector, Vector];

/** How linear RGB is seen: by most people, and without one kind of cones (Machado and others, 2009, severity 1). */
const EYES: Readonly<Record<string, Matrix>> = {
  most: [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
  protan: [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
  deutan: [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
  tritan: [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
};
const XYZ: Matrix = [[0.4339, 0.3762, 0.1899], [0.2126, 0.7152, 0.0722], [0.0178, 0.1095, 0.8728]];

function times(matrix: Matrix, vector: Vector): Vector {
  return matrix.map((row) => row.reduce((sum, each, place) => sum + each * vector[place]!, 0)) as unknown as Vector;
}

/** CIELAB of a colour as some eyes see it. */
function lab(hex: string, eyes: Matrix): Vector {
  const linear = [1, 3, 5].map((place) => {
    const part = parseInt(hex.slice(place, place + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  }) as unknown as Vector;
  const seen = times(eyes, linear).map((part) => Math.min(1, Math.max(0, part))) as unknown as Vector;
  const [x, y, z] = times(XYZ, seen).map((part) => (part > 216 / 24389 ? Math.cbrt(part) : ((24389 / 27) * part + 16) / 116)) as unknown as Vector;
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

function colours(theme: "light" | "dark"): Map<string, string> {
  const found = new Map<string, string>();
  const rules = CSS.split("}").slice(0, theme === "dark" ? 2 : 1);
  for (const [, name, hex] of rules.join().matchAll(/--acw-(\w+): (#[0-9a-f]{6});/g)) found.set(name!, hex!);
  return found;
}

it.each(["light", "dark"] as const)("the colours of outcomes are told apart by everybody, in the %s theme", (theme) => {
  const found = colours(theme);
  const close: string[] = [];
  for (const [who, eyes] of Object.entries(EYES)) {
    for (const [place, one] of OUTCOMES.entries()) {
      for (const other of OUTCOMES.slice(place + 1)) {
        const [a, b] = [lab(found.get(one)!, eyes), lab(found.get(other)!, eyes)];
        const apart = Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
        if (apart < 15) close.push(`${who}: ${one} and ${other}, ${apart.toFixed(1)}`);
      }
    }
  }
  expect(close).toEqual([]);
});
