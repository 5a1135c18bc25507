/** How values are written. Amounts never become numbers: they exceed 53 bits. */

export const ZERO_ADDRESS = "0x0000000000000000000000000000000000000000";
export const ZERO_HASH = `0x${"0".repeat(64)}` as const;

/** `0x9c22ff…b658` */
export const short = (hex: string): string => (hex.length > 14 ? `${hex.slice(0, 8)}…${hex.slice(-4)}` : hex);

const group = (digits: string): string => digits.replace(/\B(?=(\d{3})+$)/g, "\u202f");

/** An integer with its digits in groups. */
export const integer = (value: bigint | number | string): string => group(String(value));

/** An amount of a token's smallest part in whole tokens, exactly: trailing zeros go, nothing else does, but what lies beyond `most`. */
export function units(amount: bigint | string, decimals: number, most = decimals): string {
  const digits = String(amount).padStart(decimals + 1, "0");
  const whole = digits.slice(0, digits.length - decimals);
  const part = digits.slice(digits.length - decimals).replace(/0+$/, "");
  const shown = part.length > most ? `${part.slice(0, most)}…` : part;
  return shown ? `${group(whole)}.${shown}` : group(whole);
}

/** Basis points as a percentage. */
export const share = (points: number): string => `${(points / 100).toFixed(2).replace(/\.?0+$/, "")}\u202f%`;

export const dateTime = (seconds: number): string =>
  new Date(seconds * 1000).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });

/** What is left of a time, in its two largest units. */
export function duration(seconds: number): string {
  const parts: [number, string][] = [
    [Math.floor(seconds / 86400), "d"],
    [Math.floor(seconds / 3600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "min"],
    [Math.floor(seconds) % 60, "s"],
  ];
  const start = parts.findIndex(([count]) => count > 0);
  if (start < 0) return "0 s";
  return parts
    .slice(start, start + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(" ");
}

/** `3 licences`, `1 licence` */
export const count = (number: number, word: string): string => `${integer(number)} ${word}${number === 1 ? "" : "s"}`;

/** A name of the API as people read it. */
export const words = (name: string): string => name.replaceAll("_", " ");
