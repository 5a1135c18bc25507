import assert from "node:assert/strict";
import test from "node:test";
import type { Address } from "viem";
import {
  allocationLeaf,
  isListed,
  promoHash,
  promoLeaf,
  readAllowlist,
  readPromoCodes,
  StandardTree,
} from "../../src/lib/list";

const account = (n: number): Address => `0x${n.toString(16).padStart(40, "0")}`;

// The example of OpenZeppelin's own documentation: values of (address, uint256) and their root.
const EXAMPLE = [
  { account: "0x1111111111111111111111111111111111111111" as Address, allocation: 5000000000000000000n },
  { account: "0x2222222222222222222222222222222222222222" as Address, allocation: 2500000000000000000n },
];
const EXAMPLE_ROOT = "0xd4dee0beab2d53f2cc83e567171bd2820e49898130a22622b10ead383e90bd77";

test("a standard tree has the root that OpenZeppelin's library gives", () => {
  assert.equal(new StandardTree(EXAMPLE.map(allocationLeaf)).root, EXAMPLE_ROOT);
});

test("every leaf of trees of every shape is proved, and nothing else is", () => {
  for (let size = 1; size <= 17; size++) {
    const leaves = Array.from({ length: size }, (_, i) =>
      allocationLeaf({ account: account(i + 1), allocation: BigInt(i) }),
    );
    const tree = new StandardTree(leaves);
    const root = tree.root;
    assert.ok(root);
    for (const leaf of leaves) assert.ok(isListed(leaf, tree.proof(leaf) ?? [], root));
    const stranger = allocationLeaf({ account: account(99), allocation: 1n });
    assert.equal(tree.proof(stranger), null);
    assert.equal(isListed(stranger, tree.proof(leaves[0] ?? stranger) ?? [], root), false);
  }
});

test("files are read with or without a heading, and what is wrong in them is named", () => {
  const line = `${account(5)},3`;
  assert.deepEqual(readAllowlist(`address,allocation\r\n${line}\n\n`), [{ account: account(5), allocation: 3n }]);
  assert.deepEqual(readAllowlist(line), [{ account: account(5), allocation: 3n }]);
  assert.throws(() => readAllowlist(`${line}\n0x12,1`), /0x12,1/);
  assert.throws(() => readAllowlist(`${account(5)},-1`), /-1/);
  const code = promoHash("EARLY");
  assert.deepEqual(readPromoCodes(`code,discount,total\n${code},1000,4`), [{ code, discount: 1000n, total: 4n }]);
  assert.throws(() => readPromoCodes(`${code},1000`), /not a hash, a discount and a total/);
});

test("a promo code and an allocation are never each other's leaf", () => {
  const code = promoHash("EARLY");
  assert.notEqual(
    promoLeaf({ code, discount: 1n, total: 1n }),
    allocationLeaf({ account: account(1), allocation: 1n }),
  );
});
