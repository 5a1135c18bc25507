/** What the API answers: GET /openapi.json describes every field. */
import type { Address, Hex } from "viem";

export interface Page<T> {
  items: T[];
  next: string | null;
}

export interface Readiness {
  ready: boolean;
  indexed_block: number | null;
  head_block: number | null;
  behind: number | null;
  error?: { code: string; message: string; hint: string };
}

export interface TokenTotals {
  token: Address;
  supply: string;
  escrowed: string;
  paid: string;
  fees: string;
  refunded: string;
}

export interface Stats {
  chain_id: number;
  job_escrow: Address;
  events: number;
  orders: Record<string, number>;
  batches: Record<string, number>;
  draws: Record<string, number>;
  disputes: Record<string, number>;
  tasks_settled: number;
  models: number;
  providers: number;
  accounts: number;
  tokens: TokenTotals[];
}

export interface Order {
  order_id: Hex;
  status: string;
  closed_by: string | null;
  opened_at: number;
  transaction_hash: Hex;
  customer: Address;
  model_id: Hex;
  token: Address;
  inputs_root: Hex;
  count: number;
  unit_cap: number;
  unit_price: string;
  deadline: number;
  terms: { fee_rate: number; verification: Address };
  escrowed: string;
  settled: number;
  forfeited: number;
  paid: string;
  fees: string;
  royalties: string;
  refunded: string;
}

export interface Testimony {
  task_index: number;
  party: Address;
  seal: Hex | null;
  seal_transaction: Hex | null;
  trace_root: Hex | null;
  reveal_transaction: Hex | null;
  dissented: boolean;
  slashed: string | null;
}

export interface Draw {
  status: string;
  round: number;
  certain: boolean;
  drawn: { index: number; validators: Address[] }[];
  phase_end: number | null;
  draw_transaction: Hex | null;
  conclude_transaction: Hex | null;
  paid: string;
  refund: string;
  testimonies: Testimony[];
  pot: { winner: Address; amount: string; claimable_at: number; claim_transaction: Hex | null } | null;
}

export interface Batch {
  batch_id: Hex;
  order_id: Hex;
  provider: Address;
  status: string;
  fault: string | null;
  first: number;
  count: number;
  units: number;
  root: Hex;
  stake: string;
  committed_at: number;
  commit_transaction: Hex;
  closed_at: number | null;
  close_transaction: Hex | null;
  accepted: boolean | null;
  paid: string;
  fee: string;
  royalties: string;
  refund: string;
  slashed: string;
  burned: string;
  draw?: Draw | null;
}

export interface Dispute {
  dispute_id: Hex;
  status: string;
  challenger: Address;
  bond: string;
  batch_id: Hex | null;
  task_index: number | null;
  provider: Address | null;
  moved_at: number;
  operator: number | null;
  row: number | null;
  moves: number;
  proven: boolean | null;
  bond_to: Address | null;
  history?: { number: number; name: string; position: string; moved_at: number; transaction_hash: Hex }[];
}

export interface Task {
  order_id: Hex;
  batch_id: Hex;
  index: number;
  provider: Address;
  input_hash: Hex;
  output_hash: Hex;
  units_before: number;
  units: number;
  status: string;
  proof: { leaf: Hex; position: number; count: number; root: Hex; siblings: Hex[] };
  output?: Hex;
  audit?: {
    commit_transaction: Hex;
    draw: string | null;
    drawn: boolean | null;
    testimonies: Testimony[];
    answer: Hex | null;
    lost: boolean;
    disputes: Dispute[];
  };
}

export interface Model {
  model_id: Hex;
  owner: Address;
  metadata_uri: string;
  program_root: Hex;
  weights_root: Hex;
  royalties: { account: Address; share: number }[];
  registered_at: number;
  orders: number;
  tasks_settled: number;
  price_floors?: { token: Address; accepted: boolean; unit_price: string }[];
}

export interface Provision {
  operator: Address;
  service: Address;
  stake: string;
  locked: string;
  thawing: string;
  slashed: string;
}

export interface Provider {
  provider: Address;
  batches: number;
  batches_settled: number;
  batches_forfeited: number;
  tasks_settled: number;
  slashed: string;
  last_active_at: number;
  provisions?: Provision[];
}

export interface Validator {
  validator: Address;
  number: number;
  stake: string;
  slashed: string;
}

export interface Account {
  address: Address;
  balances: { token: Address; amount: string }[];
  provisions: Provision[];
}

export interface ChainEvent {
  id: string;
  block_number: number;
  timestamp: number;
  transaction_hash: Hex;
  name: string;
  fields: Record<string, unknown> | null;
}

export interface SaleRecord {
  address: Address;
  license: Address;
  block: number;
  terms?: { tiers: { name: string }[] };
}

/** What an account may do in a sale, where the indexer was given the sale's allow-list. */
export interface SaleAccount {
  allowance: { allocation: string; proof: Hex[] } | null;
  allowlist_known: boolean;
}

export interface SalePromo {
  discount: string;
  total: string;
  proof: Hex[];
}

export interface Deployment {
  chain_id: number;
  rpc_url: string | null;
  walletconnect: { project_id: string; relay_url: string } | null;
  suite: Record<string, unknown> & { ledger: Address; devToken?: Address; sales?: SaleRecord[] };
}
