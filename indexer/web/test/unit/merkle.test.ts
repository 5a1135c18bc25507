import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import type { Hex } from "viem";
import { rootFrom, rowRoot, type TaskFields, taskLeaf } from "../../src/lib/merkle";

interface Vectors {
  inputs: { rows: Hex[]; inputHashes: Hex[] }[];
  taskLeaves: (TaskFields & { leaf: Hex })[];
  trees: { count: number; root: Hex; proofs: { index: number; leaf: Hex; siblings: Hex[] }[] }[];
}

/** What the contracts and the kernels are tested with too. */
const vectors: Vectors = JSON.parse(readFileSync("../../test-fixtures/vectors/merkle.json", "utf8"));

test("rows hash as the contracts say", () => {
  for (const { rows, inputHashes } of vectors.inputs) assert.deepEqual(rows.map(rowRoot), inputHashes);
});

test("tasks hash as the contracts say", () => {
  for (const task of vectors.taskLeaves) assert.equal(taskLeaf(task), task.leaf);
});

test("every proof leads to its root, and to no other place", () => {
  let checked = 0;
  for (const { count, root, proofs } of vectors.trees) {
    for (const { index, leaf, siblings } of proofs) {
      checked++;
      assert.equal(rootFrom(leaf, index, count, siblings), root);
      assert.notEqual(rootFrom(leaf, index, count + 1, siblings), root);
      assert.notEqual(rootFrom(leaf, index ^ 1, count, siblings), root);
      assert.equal(rootFrom(leaf, index, count, [...siblings, leaf]), null);
      if (siblings.length > 0) assert.equal(rootFrom(leaf, index, count, siblings.slice(1)), null);
    }
  }
  assert.ok(checked > 20);
});
