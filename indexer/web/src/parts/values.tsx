/** Single values. */
import type { ReactNode } from "react";
import { inToken, useToken } from "../chain/token";
import { dateTime, duration, integer, short, words, ZERO_ADDRESS } from "../lib/format";

export function Link({ to, children, title }: { to: string; children: ReactNode; title?: string }) {
  return (
    <a href={`#/${to}`} title={title}>
      {children}
    </a>
  );
}

export type Kind = "orders" | "batches" | "disputes" | "models" | "accounts" | "licences" | "sale";

/** A thing with its own page, by its id. */
export function Id({ kind, id }: { kind: Kind; id: string }) {
  return (
    <a className="mono" href={`#/${kind}/${id}`} title={id}>
      {short(id)}
    </a>
  );
}

export const Account = ({ of }: { of: string }) => <Id kind="accounts" id={of} />;

export const Hash = ({ of, whole }: { of: string; whole?: boolean }) => (
  <span className="mono" title={of}>
    {whole ? of : short(of)}
  </span>
);

/** A token by its symbol, with its address behind it. */
export function TokenName({ of }: { of: `0x${string}` }) {
  const token = useToken(of);
  if (of === ZERO_ADDRESS) return <>the native currency</>;
  return token ? (
    <a href={`#/accounts/${of}`} title={of}>
      {token.symbol}
    </a>
  ) : (
    <Account of={of} />
  );
}

/** An amount in whole tokens; in its smallest parts where the token does not say how many make one. */
export function Amount({ of, token }: { of: string | bigint; token: `0x${string}` | undefined }) {
  const known = useToken(token);
  const raw = `${integer(of)} of the smallest part`;
  return <span title={raw}>{known ? inToken(of, known) : integer(of)}</span>;
}

/** States are coloured by what they mean for those who pay. */
const TONES: Record<string, string> = {
  settled: "good",
  complete: "good",
  agreed: "good",
  undrawn: "good",
  withdrawn: "dim",
  expired: "dim",
  closed: "dim",
  lost: "dim",
  succeeded: "good",
  final: "good",
  due: "dim",
  forfeited: "bad",
  convicted: "bad",
  failed: "bad",
  won: "bad",
  disputed: "bad",
};

export const Status = ({ of }: { of: string }) => <span className={`status ${TONES[of] ?? "busy"}`}>{words(of)}</span>;

export const Time = ({ at }: { at: number }) => (
  <time dateTime={new Date(at * 1000).toISOString()} title={new Date(at * 1000).toISOString()}>
    {dateTime(at)}
  </time>
);

export function Ago({ at }: { at: number }) {
  const passed = Math.max(0, Math.floor(Date.now() / 1000) - at);
  return (
    <time dateTime={new Date(at * 1000).toISOString()} title={dateTime(at)}>
      {passed < 5 ? "now" : `${duration(passed).split(" ").slice(0, 2).join("\u00a0")} ago`}
    </time>
  );
}

export function Progress({ done, all, label }: { done: number; all: number; label: string }) {
  return (
    <span className="progress">
      <progress value={done} max={all} aria-label={label} />
      <span className="number">
        {integer(done)}
        <span className="dim"> / {integer(all)}</span>
      </span>
    </span>
  );
}
