/** Lists of a sale, which are OpenZeppelin standard Merkle trees: the allow-list, and the promo codes. */
import {
  type Address,
  concat,
  encodeAbiParameters,
  getAddress,
  type Hex,
  isAddress,
  keccak256,
  stringToBytes,
} from "viem";

export interface Allocation {
  account: Address;
  allocation: bigint;
}

export interface PromoCode {
  code: Hex;
  discount: bigint;
  total: bigint;
}

const doubled = (encoded: Hex): Hex => keccak256(keccak256(encoded));

export const allocationLeaf = ({ account, allocation }: Allocation): Hex =>
  doubled(encodeAbiParameters([{ type: "address" }, { type: "uint256" }], [account, allocation]));

export const promoLeaf = ({ code, discount, total }: PromoCode): Hex =>
  doubled(
    encodeAbiParameters([{ type: "bytes32" }, { type: "uint256" }, { type: "uint256" }], [code, discount, total]),
  );

const pair = (a: Hex, b: Hex): Hex => keccak256(a < b ? concat([a, b]) : concat([b, a]));

/** Root of a standard tree, and what proves one of its leaves. */
export class StandardTree {
  private readonly nodes: Hex[];
  private readonly leaves: Hex[];

  constructor(leaves: readonly Hex[]) {
    this.leaves = [...leaves].sort();
    const size = this.leaves.length;
    this.nodes = new Array(Math.max(2 * size - 1, 0));
    // The last node is the first leaf.
    this.leaves.forEach((leaf, i) => {
      this.nodes[2 * size - 2 - i] = leaf;
    });
    for (let i = size - 2; i >= 0; i--) this.nodes[i] = pair(this.at(2 * i + 1), this.at(2 * i + 2));
  }

  get root(): Hex | undefined {
    return this.nodes[0];
  }

  proof(leaf: Hex): Hex[] | null {
    const index = this.leaves.indexOf(leaf);
    if (index < 0) return null;
    const proof: Hex[] = [];
    for (let i = this.nodes.length - 1 - index; i > 0; i = (i - 1) >> 1) proof.push(this.at(i % 2 ? i + 1 : i - 1));
    return proof;
  }

  private at(index: number): Hex {
    const value = this.nodes[index];
    if (!value) throw new RangeError(`a tree of ${this.leaves.length} leaves has no node ${index}`);
    return value;
  }
}

/** Whether `proof` leads from `leaf` to `root`. */
export const isListed = (leaf: Hex, proof: readonly Hex[], root: Hex): boolean => proof.reduce(pair, leaf) === root;

/** The lines of a CSV file, with their cells; a heading and empty lines are passed over. */
function rows(text: string, isRow: (first: string) => boolean): string[][] {
  const lines = text.split(/\r?\n/).map((line) => line.split(",").map((cell) => cell.trim()));
  return lines.filter(([first], i) => first && (i > 0 || isRow(first)));
}

const isHash = (text: string): text is Hex => /^0x[0-9a-f]{64}$/i.test(text);

/** Lines of `address,allocation`. Throws an error that names the line's content where it is neither. */
export function readAllowlist(text: string): Allocation[] {
  return rows(text, (first) => isAddress(first, { strict: false })).map(([account = "", allocation = ""]) => {
    if (!isAddress(account, { strict: false }) || !/^\d+$/.test(allocation))
      throw new Error(`“${account},${allocation}” is not an address and a number`);
    return { account: getAddress(account), allocation: BigInt(allocation) };
  });
}

/** Lines of `code hash,discount,total`. */
export function readPromoCodes(text: string): PromoCode[] {
  return rows(text, isHash).map(([code = "", discount = "", total = ""]) => {
    if (!isHash(code) || !/^\d+$/.test(discount) || !/^\d+$/.test(total))
      throw new Error(`“${code},${discount},${total}” is not a hash, a discount and a total`);
    return { code, discount: BigInt(discount), total: BigInt(total) };
  });
}

/** What stands for a promo code's text on the chain. */
export const promoHash = (text: string): Hex => keccak256(stringToBytes(text));
