/** How a page is put together. */
import { type ReactNode, useEffect } from "react";
import { ApiError } from "../api/client";

/** A page with its heading, which also names the window. */
export function Page({
  title,
  name,
  lead,
  children,
}: {
  title: string;
  name?: ReactNode;
  lead?: ReactNode;
  children: ReactNode;
}) {
  useEffect(() => {
    document.title = `${title} · Assay`;
  }, [title]);
  return (
    <>
      <header className="heading">
        <h1>{name ?? title}</h1>
        {lead && <div className="lead">{lead}</div>}
      </header>
      {children}
    </>
  );
}

export function Section({ title, aside, children }: { title: string; aside?: ReactNode; children: ReactNode }) {
  return (
    <section>
      <div className="section-head">
        <h2>{title}</h2>
        {aside}
      </div>
      {children}
    </section>
  );
}

export const Tiles = ({ children }: { children: ReactNode }) => <dl className="tiles">{children}</dl>;

export const Tile = ({ label, children }: { label: string; children: ReactNode }) => (
  <div className="tile">
    <dt>{label}</dt>
    <dd>{children}</dd>
  </div>
);

/** Names and values; those without a value are left out. */
export function Facts({ of }: { of: [string, ReactNode][] }) {
  const shown = of.filter(([, value]) => value !== null && value !== undefined && value !== false);
  return (
    <dl className="facts">
      {shown.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** What somebody should know now: `bad` interrupts those who listen, the others wait their turn. */
export function Notice({
  tone,
  title,
  children,
}: {
  tone: "info" | "good" | "bad";
  title: ReactNode;
  children?: ReactNode;
}) {
  return (
    <div className={`notice ${tone}`} role={tone === "bad" ? "alert" : "status"}>
      <strong>{title}</strong>
      {children && <div>{children}</div>}
    </div>
  );
}

export function Failure({ error }: { error: unknown }) {
  const message = error instanceof Error ? error.message : String(error);
  return (
    <Notice tone="bad" title={message}>
      {error instanceof ApiError && error.hint}
    </Notice>
  );
}

export const Loading = () => (
  <p className="dim loading" role="status">
    Reading…
  </p>
);

interface Answer<T> {
  data: T | undefined;
  error: unknown;
}

/** What an answer is shown as once it is there. */
export function Answered<T>({ answer, children }: { answer: Answer<T>; children: (data: T) => ReactNode }) {
  if (answer.data !== undefined) return <>{children(answer.data)}</>;
  return answer.error ? <Failure error={answer.error} /> : <Loading />;
}
