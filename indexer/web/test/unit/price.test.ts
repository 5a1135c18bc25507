import assert from "node:assert/strict";
import test from "node:test";
import { buybackOf, discounted, firstOpen, quote, type TierState } from "../../src/lib/price";

const tier = (supply: number, sold: number, price: bigint): TierState => ({ supply, sold, cap: 0, price });
const TIERS = [tier(3, 3, 100n), tier(5, 3, 150n), tier(10, 0, 199n)];

test("the tier on sale is the first with any left", () => {
  assert.equal(firstOpen(TIERS), 1);
  assert.equal(firstOpen([tier(1, 1, 1n)]), -1);
});

test("a purchase in order goes on into the next tier, each licence at its tier's price", () => {
  const four = quote(TIERS, true, 1, 4, 0n);
  assert.deepEqual(four.parts, [
    { tier: 1, quantity: 2, each: 150n },
    { tier: 2, quantity: 2, each: 199n },
  ]);
  assert.equal(four.cost, 698n);
  assert.equal(four.problem, undefined);
});

test("where tiers are sold side by side it stays in its tier", () => {
  assert.equal(quote(TIERS, false, 1, 2, 0n).cost, 300n);
  assert.equal(quote(TIERS, false, 1, 3, 0n).problem, "sold out");
});

test("what cannot be bought has a reason", () => {
  assert.equal(quote(TIERS, true, 1, 13, 0n).problem, "sold out");
  assert.equal(quote(TIERS, true, 2, 1, 0n).problem, "not yet open");
  assert.equal(quote([tier(2, 0, 0n)], true, 0, 1, 0n).problem, "not for this token");
  assert.equal(quote(TIERS, true, -1, 1, 0n).problem, "sold out");
});

test("each licence is rounded by itself, for the seller on discounts and buybacks", () => {
  assert.equal(discounted(199n, 500n), 190n); // 9.95 off, rounded down
  assert.equal(quote(TIERS, true, 1, 4, 500n).cost, 2n * 143n + 2n * 190n);
  assert.equal(discounted(100n, 10_000n), 0n);
  assert.equal(buybackOf(199n, 1000n), 179n); // a fee of 19.9, rounded up
  assert.equal(buybackOf(0n, 1000n), 0n);
});

test("amounts beyond 53 bits stay exact", () => {
  const price = 1_234_567_890_123_456_789_012_345n;
  assert.equal(quote([tier(9, 0, price)], true, 0, 7, 333n).cost, 7n * (price - (price * 333n) / 10_000n));
});
