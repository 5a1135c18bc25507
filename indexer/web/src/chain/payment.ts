/** Paying for licences in as few signatures as the token allows. */
import {
  type Address,
  BaseError,
  ExecutionRevertedError,
  encodeFunctionData,
  erc20Abi,
  type Hex,
  type PublicClient,
  parseAbi,
  parseSignature,
  type TypedDataDomain,
} from "viem";
import type { Config } from "wagmi";
import { getPublicClient, sendTransaction, signTypedData, simulateContract, writeContract } from "wagmi/actions";
import { ZERO_ADDRESS, ZERO_HASH } from "../lib/format";
import { nodeSaleAbi } from "./abi.gen";

export interface Wanted {
  token: number;
  tier: number;
  quantity: number;
  maxCost: bigint;
  buyback: boolean;
  referrer: Address;
  promo: { code: Hex; discount: bigint; total: bigint; proof: readonly Hex[] };
  allocation: bigint;
  allowlistProof: readonly Hex[];
}

export const NO_PROMO: Wanted["promo"] = { code: ZERO_HASH, discount: 0n, total: 0n, proof: [] };

/** How a token is paid in, and what the wallet asks for. `renewal`: an approval that is too small is taken back first. */
export type Way = "native" | "allowance" | "permit" | "approval" | "renewal";

const PERMIT = parseAbi([
  "function nonces(address) view returns (uint256)",
  "function DOMAIN_SEPARATOR() view returns (bytes32)",
  "function eip712Domain() view returns (bytes1, string, string, uint256, address, bytes32, uint256[])",
]);

const PERMIT_TYPES = {
  Permit: [
    { name: "owner", type: "address" },
    { name: "spender", type: "address" },
    { name: "value", type: "uint256" },
    { name: "nonce", type: "uint256" },
    { name: "deadline", type: "uint256" },
  ],
} as const;

/** How long a permit may lie in the pool. */
const PERMIT_SECONDS = 1200n;

/** The domain that the token signs under, by its own word (ERC-5267); null where it has no permit, or does not say. */
async function permitDomain(client: PublicClient, token: Address): Promise<TypedDataDomain | null> {
  const read = { address: token, abi: PERMIT };
  try {
    const [[, name, version, chainId, verifyingContract]] = await Promise.all([
      client.readContract({ ...read, functionName: "eip712Domain" }),
      client.readContract({ ...read, functionName: "DOMAIN_SEPARATOR" }),
    ]);
    return { name, version, chainId, verifyingContract };
  } catch {
    return null;
  }
}

export async function wayOf(
  client: PublicClient,
  token: Address,
  payer: Address,
  sale: Address,
  cost: bigint,
): Promise<Way> {
  if (token === ZERO_ADDRESS) return "native";
  const allowance = await client.readContract({
    address: token,
    abi: erc20Abi,
    functionName: "allowance",
    args: [payer, sale],
  });
  if (allowance >= cost) return "allowance";
  if (await permitDomain(client, token)) return "permit";
  if (allowance === 0n) return "approval";
  return (await isRefused(client, { account: payer, ...approvalOf(token, sale, cost) })) ? "renewal" : "approval";
}

/** Early tokens answer nothing where the standard says `bool`, so that only the call itself tells. */
const approvalOf = (token: Address, sale: Address, amount: bigint) => ({
  to: token,
  data: encodeFunctionData({ abi: erc20Abi, functionName: "approve", args: [sale, amount] }),
});

const isRefused = (client: PublicClient, call: { account: Address; to: Address; data: Hex }): Promise<boolean> =>
  client.call(call).then(
    () => false,
    (error) => {
      if (error instanceof BaseError && error.walk((inner) => inner instanceof ExecutionRevertedError)) return true;
      throw error;
    },
  );

export interface Purchase {
  sale: Address;
  token: Address;
  payer: Address;
  wanted: Wanted;
}

type Ask = (what: string) => void;

/** Signs the permit and sends the purchase. */
async function buyWithPermit(config: Config, { sale, token, payer, wanted }: Purchase, ask: Ask): Promise<Hex> {
  const client = getPublicClient(config);
  const domain = client && (await permitDomain(client, token));
  if (!client || !domain) throw new Error("The token does not take permits.");
  const [nonce, { timestamp }] = await Promise.all([
    client.readContract({ address: token, abi: PERMIT, functionName: "nonces", args: [payer] }),
    client.getBlock(),
  ]);
  const deadline = timestamp + PERMIT_SECONDS;
  const message = { owner: payer, spender: sale, value: wanted.maxCost, nonce, deadline };
  ask("Sign, 1 of 2: the sale may take exactly this amount. This costs no gas.");
  const signature = await signTypedData(config, {
    account: payer,
    domain,
    types: PERMIT_TYPES,
    primaryType: "Permit",
    message,
  });
  const { r, s, yParity } = parseSignature(signature);
  const signed = { validAfter: 0n, deadline, v: 27 + yParity, r, s };
  const call = { address: sale, abi: nodeSaleAbi, functionName: "buyWithPermit", account: payer } as const;
  const { request } = await simulateContract(config, { ...call, args: [wanted, signed] });
  ask("Confirm, 2 of 2: the purchase.");
  return writeContract(config, request);
}

const LAST_STEP: Record<Exclude<Way, "permit">, string> = {
  native: "Confirm the purchase.",
  allowance: "Confirm the purchase.",
  approval: "Confirm, 2 of 2: the purchase.",
  renewal: "Confirm, 3 of 3: the purchase.",
};

/** Tries the purchase on the chain's state first, so that what cannot succeed is never asked for. */
async function buyNow(
  config: Config,
  way: Exclude<Way, "permit">,
  { sale, token, payer, wanted }: Purchase,
  ask: Ask,
): Promise<Hex> {
  const value = token === ZERO_ADDRESS ? wanted.maxCost : 0n;
  const call = { address: sale, abi: nodeSaleAbi, functionName: "buy", account: payer } as const;
  const { request } = await simulateContract(config, { ...call, args: [wanted], value });
  ask(LAST_STEP[way]);
  return writeContract(config, request);
}

export const buy = (config: Config, way: Way, purchase: Purchase, ask: Ask): Promise<Hex> =>
  way === "permit" ? buyWithPermit(config, purchase, ask) : buyNow(config, way, purchase, ask);

const TO_NOTHING = "the sale may take nothing any more. The token asks for this before a new approval.";
const EXACTLY = "the sale may take exactly this amount.";

/** What the wallet is asked for before the purchase: each sets what the sale may take, to nothing or to the cost. */
export const APPROVALS: Record<Way, { exactly: boolean; what: string }[]> = {
  native: [],
  allowance: [],
  permit: [],
  approval: [{ exactly: true, what: `Confirm, 1 of 2: ${EXACTLY}` }],
  renewal: [
    { exactly: false, what: `Confirm, 1 of 3: ${TO_NOTHING}` },
    { exactly: true, what: `Confirm, 2 of 3: ${EXACTLY}` },
  ],
};

/** Lets the sale take `amount` of a token, and no more. */
export const approve = (config: Config, { sale, token, payer }: Purchase, amount: bigint): Promise<Hex> =>
  sendTransaction(config, { account: payer, ...approvalOf(token, sale, amount) });
