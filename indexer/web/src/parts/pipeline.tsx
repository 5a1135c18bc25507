/** The way of work through the network, with how much is where now; a stage lights up when something happens in it. */
import { useCallback, useEffect, useState } from "react";
import { useEvents } from "../api/hooks";
import type { ChainEvent, Stats } from "../api/types";
import { integer, words } from "../lib/format";

interface Stage {
  name: string;
  what: string;
  page: string;
  counts: Record<string, number>;
}

const stagesOf = (stats: Stats): Stage[] => [
  { name: "Orders", what: "escrowed by customers", page: "orders", counts: stats.orders },
  { name: "Batches", what: "committed by providers", page: "batches", counts: stats.batches },
  { name: "Draws", what: "re-executed by validators", page: "batches", counts: stats.draws },
  { name: "Disputes", what: "fought down to one number", page: "disputes", counts: stats.disputes },
];

/** The stage that an event belongs to. */
function stageOf(event: ChainEvent): string | undefined {
  if (/Game|Challenge|Dispute/.test(event.name)) return "Disputes";
  if (event.name.startsWith("Verification.")) return "Draws";
  if (/Batch|Taken|Committed|Settled/.test(event.name)) return "Batches";
  return /Order/.test(event.name) ? "Orders" : undefined;
}

/** States that mean that somebody was caught, that all is well, or that it goes on. */
const toneOf = (state: string): string =>
  /forfeited|convicted|won|disputed/.test(state)
    ? "bad"
    : /settled|complete|agreed|undrawn|lost|withdrawn|expired|closed/.test(state)
      ? "good"
      : "busy";

const LIT_MS = 1500;

export function Pipeline({ stats }: { stats: Stats }) {
  const [lit, setLit] = useState<string>();
  useEvents(useCallback((event) => "name" in event && setLit(stageOf(event)), []));
  useEffect(() => {
    if (!lit) return;
    const timer = setTimeout(() => setLit(undefined), LIT_MS);
    return () => clearTimeout(timer);
  }, [lit]);
  return (
    <ol className="pipeline">
      {stagesOf(stats).map((stage) => (
        <li key={stage.name} className={lit === stage.name ? "stage lit" : "stage"}>
          <StageCard stage={stage} />
        </li>
      ))}
    </ol>
  );
}

function StageCard({ stage }: { stage: Stage }) {
  const entries = Object.entries(stage.counts).filter(([, count]) => count > 0);
  const all = entries.reduce((sum, [, count]) => sum + count, 0);
  return (
    <a href={`#/${stage.page}`}>
      <span className="stage-name">{stage.name}</span>
      <span className="stage-count">{integer(all)}</span>
      <span className="stage-what">{stage.what}</span>
      <svg className="stage-bar" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
        <rect width="100" height="6" className="rest" />
        {entries.map(([state, count], i) => {
          const before = entries.slice(0, i).reduce((sum, [, each]) => sum + each, 0);
          return (
            <rect
              key={state}
              className={toneOf(state)}
              x={(before / all) * 100}
              width={(count / all) * 100 - (i < entries.length - 1 ? 0.6 : 0)}
              height="6"
            />
          );
        })}
      </svg>
      <span className="stage-states">
        {entries.length === 0 && <span className="dim">none yet</span>}
        {entries.map(([state, count]) => (
          <span key={state} className={toneOf(state)}>
            {integer(count)} {words(state)}
          </span>
        ))}
      </span>
    </a>
  );
}
