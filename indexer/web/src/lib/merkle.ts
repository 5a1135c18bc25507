/** The Merkle trees of the protocol, as contracts/src/work/libraries/MerkleTree.sol and TaskLeaf.sol hash them. */
import { concat, encodeAbiParameters, encodePacked, type Hex, keccak256, numberToHex } from "viem";

export interface TaskFields {
  chainId: number | string;
  orderId: Hex;
  provider: Hex;
  index: number;
  inputHash: Hex;
  outputHash: Hex;
  unitsBefore: number | string;
  units: number;
}

/** The leaf that commits a provider to one task. */
export function taskLeaf(task: TaskFields): Hex {
  return keccak256(
    encodePacked(
      ["bytes1", "uint256", "bytes32", "address", "uint32", "bytes32", "bytes32", "uint64", "uint32"],
      [
        "0x00",
        BigInt(task.chainId),
        task.orderId,
        task.provider,
        task.index,
        task.inputHash,
        task.outputHash,
        BigInt(task.unitsBefore),
        task.units,
      ],
    ),
  );
}

const node = (left: Hex, right: Hex): Hex => keccak256(concat(["0x01", left, right]));
const rootOf = (count: number, top: Hex): Hex => keccak256(concat(["0x02", numberToHex(count, { size: 8 }), top]));

/** Root of a tensor of one row, as inputs and outputs of tasks are. */
export const rowRoot = (row: Hex): Hex => rootOf(1, keccak256(concat(["0x00", row])));

/** The root that leaf number `index` of `count` leads to; null when the siblings are too many or too few. */
export function rootFrom(leaf: Hex, index: number, count: number, siblings: readonly Hex[]): Hex | null {
  if (index < 0 || index >= count) return null;
  let top = leaf;
  let place = index;
  let used = 0;
  for (let width = count; width > 1; width = Math.ceil(width / 2)) {
    const movesUp = place === width - 1 && width % 2 === 1;
    if (!movesUp) {
      const sibling = siblings[used++];
      if (!sibling) return null;
      top = place % 2 === 0 ? node(top, sibling) : node(sibling, top);
    }
    place = Math.floor(place / 2);
  }
  return used === siblings.length ? rootOf(count, top) : null;
}

export interface BatchFields {
  order_id: Hex;
  provider: Hex;
  first: number;
  count: number;
  units: number;
  root: Hex;
  stake: string;
  committed_at: number;
}

/** The id of a batch, which is the hash of all that was committed: it fixes the root. */
export const batchId = (batch: BatchFields): Hex =>
  keccak256(
    encodeAbiParameters(
      ["bytes32", "address", "uint32", "uint32", "uint64", "bytes32", "uint128", "uint40"].map((type) => ({ type })),
      [
        batch.order_id,
        batch.provider,
        batch.first,
        batch.count,
        BigInt(batch.units),
        batch.root,
        BigInt(batch.stake),
        batch.committed_at,
      ],
    ),
  );
