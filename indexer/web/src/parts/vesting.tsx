/** What a slow and a fast claim give over time, as two lines. */
import { duration } from "../lib/format";
import { evenAfter, line, type Way } from "../lib/rewards";

const [WIDTH, HEIGHT, TOP, BASE] = [640, 200, 20, 160];

export function Vesting({ slow, fast, shown }: { slow: Way; fast: Way; shown: (amount: bigint) => string }) {
  const longest = Math.max(slow.period, fast.period, 1);
  const most = slow.amount > fast.amount ? slow.amount : fast.amount;
  const points = (way: Way) =>
    line(way, most, longest, WIDTH, BASE - TOP)
      .map(([x, y]) => `${x},${y + TOP}`)
      .join(" ");
  const even = evenAfter(slow, fast);
  const label =
    `Slow: ${shown(slow.amount)}, evenly over ${duration(slow.period)}. ` +
    `Fast: ${shown(fast.amount)}, over ${duration(fast.period)}.` +
    (even === null ? "" : ` From ${duration(even)} on the slow way has given more.`);
  const fastTop = line(fast, most, longest, WIDTH, BASE - TOP).at(-1)?.[1] ?? 0;
  return (
    <figure className="chart vesting">
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={label}>
        <polyline className="way slow" points={points(slow)} />
        <polyline className="way fast" points={points(fast)} />
        {even !== null && (
          <line
            className="even"
            x1={(even / longest) * WIDTH}
            x2={(even / longest) * WIDTH}
            y1={TOP + fastTop}
            y2={BASE}
          />
        )}
        <line className="axis" x1="0" x2={WIDTH} y1={BASE} y2={BASE} />
        <text className="tick" x={WIDTH} y={TOP - 6} textAnchor="end">{`slow: ${shown(slow.amount)}`}</text>
        <text className="tick" x={WIDTH} y={TOP + fastTop + 16} textAnchor="end">{`fast: ${shown(fast.amount)}`}</text>
        <text className="tick" x="0" y={HEIGHT - 18}>
          now
        </text>
        <text className="tick" x={WIDTH} y={HEIGHT - 18} textAnchor="end">
          {duration(longest)}
        </text>
      </svg>
      <figcaption className="dim">{label}</figcaption>
    </figure>
  );
}
