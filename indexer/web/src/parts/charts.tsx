/** Charts, drawn as SVG. Each says in words what it shows. */
import { dateTime, integer } from "../lib/format";

export interface Bar {
  /** The start of its time (Unix seconds). */
  at: number;
  label: string;
  value: number;
}

const [WIDTH, HEIGHT, BASE] = [600, 120, 100];

/** Values over time, evenly spaced. */
export function Bars({ title, bars, unit }: { title: string; bars: Bar[]; unit: string }) {
  const most = Math.max(1, ...bars.map((bar) => bar.value));
  const step = WIDTH / Math.max(1, bars.length);
  const all = bars.reduce((sum, bar) => sum + bar.value, 0);
  return (
    <figure className="chart">
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        role="img"
        aria-label={`${title}: ${integer(all)} ${unit} in all, at most ${integer(most)} at a time`}
      >
        <line className="axis" x1="0" x2={WIDTH} y1={BASE} y2={BASE} />
        {bars.map((bar, i) => {
          const height = (bar.value / most) * (BASE - 14);
          return (
            <rect
              key={bar.at}
              className="bar"
              x={i * step + 1}
              width={Math.max(1, step - 2)}
              y={BASE - height}
              height={height}
              rx="2"
            >
              <title>{`${bar.label}: ${integer(bar.value)} ${unit}`}</title>
            </rect>
          );
        })}
        <text className="tick" x="0" y={HEIGHT - 4}>
          {bars[0]?.label}
        </text>
        <text className="tick" x={WIDTH} y={HEIGHT - 4} textAnchor="end">
          {bars.at(-1)?.label}
        </text>
        <text className="tick" x={WIDTH} y="10" textAnchor="end">{`at most ${integer(most)}`}</text>
      </svg>
    </figure>
  );
}

/** Sums values into so many bars of equal time, from the first to the last. */
export function byTime(items: { at: number; value: number }[], bars: number): Bar[] {
  if (items.length === 0) return [];
  const times = items.map((item) => item.at);
  const [start, end] = [Math.min(...times), Math.max(...times)];
  const step = Math.max(1, Math.ceil((end - start + 1) / bars));
  const sums = new Array<number>(bars).fill(0);
  for (const { at, value } of items) {
    const bar = Math.floor((at - start) / step);
    sums[bar] = (sums[bar] ?? 0) + value;
  }
  return sums.map((value, i) => ({ at: start + i * step, label: dateTime(start + i * step), value }));
}

export interface Share {
  key: string;
  label: React.ReactNode;
  value: bigint;
  shown: React.ReactNode;
}

/** Amounts side by side, the largest over the full width. */
export function Shares({ of }: { of: Share[] }) {
  const most = of.reduce((max, each) => (each.value > max ? each.value : max), 1n);
  return (
    <ul className="shares">
      {of.map(({ key, label, value, shown }) => (
        <li key={key}>
          <span className="share-label">{label}</span>
          <meter
            className="share-bar"
            aria-label="Part of the largest"
            min={0}
            max={1000}
            value={Number((value * 1000n) / most)}
          />
          <span className="number">{shown}</span>
        </li>
      ))}
    </ul>
  );
}
