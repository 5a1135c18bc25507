/** Uptime, an epoch a field. */
import type { ReactNode } from "react";
import type { Tone } from "../lib/rewards";

export interface Day {
  epoch: number;
  tone: Tone;
  /** How it went, in words. */
  told: string;
  /** In the field: not by colour alone. */
  mark: ReactNode;
}

/** The newest come first from the API, and stand last here. */
export function Calendar({ label, days }: { label: string; days: Day[] }) {
  return (
    <ol className="calendar" aria-label={label}>
      {days
        .toSorted((a, b) => a.epoch - b.epoch)
        .map(({ epoch, tone, told, mark }) => (
          <li key={epoch} className={tone} title={`Epoch ${epoch}: ${told}`}>
            <span aria-hidden="true">
              <small>{epoch}</small>
              {mark}
            </span>
            <span className="hidden">{`Epoch ${epoch}: ${told}.`}</span>
          </li>
        ))}
    </ol>
  );
}
