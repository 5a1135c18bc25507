/** What the API answers about node networks: GET /openapi.json describes every field. */
import type { Address, Hex } from "viem";
import type { Page } from "./types";

export interface Pool {
  pool: Address;
  token: Address;
  slow_period: number;
  fast_period: number;
  fast_share: number;
  final_epochs: number;
  money: { funded: string; claimed: string; collected: string };
}

export interface Network {
  network: Address;
  license_staking: Address;
  license: Address;
  licenses: number;
  terms: {
    genesis: number;
    epoch_length: number;
    thaw_epochs: number;
    rounds: number;
    wrong_limit: number;
    offline_limit: number;
    seat_stake: string;
    stake_token: Address;
  };
  epoch: number;
  begun: boolean;
  epoch_begins: number;
  epoch_ends: number;
  delegated: number;
  seats: number;
  operators: number;
  pools: Pool[];
}

export interface Operator {
  number: number;
  account: Address;
  rate: number;
  cap: number;
  delegated: number;
  delegated_next: number;
  key: Address | null;
  key_next: Address | null;
  banned_until: number | null;
  attested: { epoch: number; sealed: boolean; revealed: boolean }[];
  last_final: { epoch: number; assigned: number; answered: number; right: number; wrong: number } | null;
  strikes: { epoch: number; wrong: number; appealed: boolean }[];
  bans: { first_epoch: number; until_epoch: number }[];
}

export interface Holder {
  provider: Address;
  key: Address;
  endpoint: string;
}

export interface SeatEpoch {
  epoch: number;
  occupied: boolean;
  up: number;
  slow: number;
  offline: number;
  unknown: number;
}

export interface Seat {
  seat: number;
  now: Holder | null;
  next: Holder | null;
  uptime: SeatEpoch[];
}

export interface Run {
  operator: number;
  rate: number;
}

export interface LicenceEpoch {
  epoch: number;
  status: "due" | "posted" | "final";
  agrees: boolean | null;
  run: Run | null;
  silent: boolean;
  stood_in_for: number | null;
  assigned: number;
  answered: number;
  right: number;
  wrong: number;
}

export interface LicenceInNetwork {
  number: number;
  now: Run | null;
  next: Run | null;
  uptime: Page<LicenceEpoch>;
}

export interface RewardEpoch {
  epoch: number;
  status: "due" | "posted" | "final";
  amount: string | null;
  cumulative: string | null;
  why: string[];
}

export interface Choice {
  period: number;
  share: number;
  amount: string;
  forfeited: string;
}

export interface PoolRewards {
  pool: Address;
  token: Address;
  earned: string;
  claimable: string;
  books: {
    claimed: string;
    forfeited: string;
    collected: string;
    unpaid: string;
    stream_from: number;
    stream_until: number;
  };
  claim: { epoch: number; count: number; number: number; cumulative: string; root: Hex; proof: Hex[] } | null;
  choices: { slow: Choice; fast: Choice };
  trouble: string | null;
  epochs: Page<RewardEpoch>;
}

export interface Rewards {
  number: number;
  pools: PoolRewards[];
}
