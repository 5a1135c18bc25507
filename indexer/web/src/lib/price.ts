/** What licences cost, as contracts/src/nodes/NodeSale.sol computes it. */

export const BASIS = 10_000n;

export interface TierState {
  supply: number;
  sold: number;
  /** Most that one buyer may buy of it; 0: no cap. */
  cap: number;
  /** Of one licence; 0n: not sold for the token. */
  price: bigint;
}

export interface Part {
  tier: number;
  quantity: number;
  /** For each, after the discount. */
  each: bigint;
}

export interface Quote {
  parts: Part[];
  /** For all, exactly. */
  cost: bigint;
  /** Why it cannot be bought so; undefined when it can. */
  problem?: "sold out" | "not for this token" | "not yet open";
}

/** The price less the discount, which is rounded down. */
export const discounted = (price: bigint, discount: bigint): bigint => price - (price * discount) / BASIS;

/** What a licence that cost `paid` brings when the seller takes it back: its fee is rounded up. */
export const buybackOf = (paid: bigint, fee: bigint): bigint => paid - (paid * fee + BASIS - 1n) / BASIS;

/** The first tier that has licences left, which in a sale by order is the one on sale. */
export const firstOpen = (tiers: readonly TierState[]): number => tiers.findIndex((tier) => tier.sold < tier.supply);

/** What `quantity` licences from `tier` on cost: in a sequential sale the purchase goes on into the tiers that follow. */
export function quote(
  tiers: readonly TierState[],
  sequential: boolean,
  tier: number,
  quantity: number,
  discount: bigint,
): Quote {
  const parts: Part[] = [];
  let left = quantity;
  const previous = tiers[tier - 1];
  if (sequential && previous && previous.sold < previous.supply) return { parts, cost: 0n, problem: "not yet open" };
  for (let i = tier; left > 0; i++) {
    const at = tiers[i];
    if (!at || (i > tier && !sequential)) return { parts, cost: total(parts), problem: "sold out" };
    const taken = Math.min(left, at.supply - at.sold);
    if (taken === 0) continue;
    if (at.price === 0n) return { parts, cost: total(parts), problem: "not for this token" };
    parts.push({ tier: i, quantity: taken, each: discounted(at.price, discount) });
    left -= taken;
  }
  return { parts, cost: total(parts) };
}

const total = (parts: readonly Part[]): bigint =>
  parts.reduce((sum, part) => sum + part.each * BigInt(part.quantity), 0n);
