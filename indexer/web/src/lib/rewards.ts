/** How rewards come free, as `Stream.sol` computes it, and how uptime is told. */

export interface Stream {
  unpaid: bigint;
  from: number;
  until: number;
}

/** What has come free at `time`, rounded down. */
export function vested({ unpaid, from, until }: Stream, time: number): bigint {
  if (time >= until) return unpaid;
  if (time <= from) return 0n;
  return (unpaid * BigInt(time - from)) / BigInt(until - from);
}

export interface Way {
  /** What comes free in all. */
  amount: bigint;
  /** Over so many seconds. */
  period: number;
}

/** What a claim of one way has given after `seconds`. */
export const given = ({ amount, period }: Way, seconds: number): bigint =>
  vested({ unpaid: amount, from: 0, until: period }, seconds);

/**
 * After how many seconds the slow way has given as much as the fast one ever does; null when they give alike, or nothing is claimed.
 */
export function evenAfter(slow: Way, fast: Way): number | null {
  if (slow.amount === 0n || slow.amount === fast.amount) return null;
  return Math.ceil(Number((fast.amount * BigInt(slow.period) * 1000n) / slow.amount) / 1000);
}

/** Corners of the line that a way draws on a canvas of `width` and `height`, for amounts up to `most` and times up to `longest`. */
export function line(way: Way, most: bigint, longest: number, width: number, height: number): [number, number][] {
  const high = (amount: bigint) =>
    most === 0n ? height : height - Number((amount * 10_000n) / most) * (height / 10_000);
  const right = (seconds: number) => (longest === 0 ? 0 : (seconds / longest) * width);
  const corners: [number, number][] = [
    [0, high(0n)],
    [right(way.period), high(way.amount)],
  ];
  if (way.period < longest) corners.push([width, high(way.amount)]);
  return corners;
}

export interface Checks {
  run: unknown;
  silent: boolean;
  assigned: number;
  answered: number;
  right: number;
  wrong: number;
}

export type Tone = "good" | "part" | "bad" | "none";

/** How a licence's epoch went: every check right, some, none; or there was none to make. */
export function toneOf({ run, silent, assigned, right }: Checks): Tone {
  if (!run) return "none";
  if (silent) return "bad";
  if (assigned === 0) return "none";
  if (right === assigned) return "good";
  return right > 0 ? "part" : "bad";
}

/** The same in words. */
export function toldOf({ run, silent, assigned, answered, right, wrong }: Checks): string {
  if (!run) return "nobody ran it";
  if (silent) return "its operator was silent";
  if (assigned === 0) return "nothing was to be checked";
  const unanswered = assigned - answered;
  const parts = [`${right} of ${assigned} right`];
  if (wrong) parts.push(`${wrong} wrong`);
  if (unanswered) parts.push(`${unanswered} not answered`);
  return parts.join(", ");
}
