/** What a licence costs as the sale goes on: one step a tier, what is sold filled in. */
import type { Sale } from "../chain/sale";
import { soldOf, supplyOf, tierName } from "../chain/sale";
import { inToken, type Token } from "../chain/token";
import { integer } from "../lib/format";

const [WIDTH, HEIGHT, TOP, BASE] = [640, 220, 26, 192];

export function Curve({ sale, place, token }: { sale: Sale; place: number; token: Token | undefined }) {
  const all = supplyOf(sale);
  const most = sale.tiers.reduce((max, { prices }) => ((prices[place] ?? 0n) > max ? (prices[place] ?? 0n) : max), 1n);
  const heightOf = (price: bigint) => (Number((price * 1000n) / most) / 1000) * (BASE - TOP);
  let start = 0;
  const steps = sale.tiers.map((tier) => {
    const price = tier.prices[place] ?? 0n;
    const step = {
      x: (start / all) * WIDTH,
      width: (tier.supply / all) * WIDTH,
      filled: (tier.sold / all) * WIDTH,
      price,
      height: heightOf(price),
    };
    start += tier.supply;
    return step;
  });
  const shown = (price: bigint) => (token ? inToken(price, token) : integer(price));
  const [first, last] = [steps[0], steps.at(-1)];
  const label = `${integer(soldOf(sale))} of ${integer(all)} licences are sold; the price goes from ${shown(first?.price ?? 0n)} to ${shown(last?.price ?? 0n)}`;
  return (
    <figure className="chart curve">
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={label}>
        {steps.map(({ x, width, filled, height, price }, tier) => (
          <g key={`${x}`}>
            <rect className="step" x={x} width={Math.max(0, width - 1)} y={BASE - height} height={height}>
              <title>{`${tierName(sale, tier)}: ${shown(price)}`}</title>
            </rect>
            <rect
              className="step sold"
              x={x}
              width={Math.max(0, Math.min(filled, width - 1))}
              y={BASE - height}
              height={height}
            />
            <line className="edge" x1={x} x2={x + width - 1} y1={BASE - height} y2={BASE - height} />
            {width > 90 && (
              <text className="price" x={x + width / 2} y={BASE - height - 8} textAnchor="middle">
                {shown(price)}
              </text>
            )}
          </g>
        ))}
        <line className="axis" x1="0" x2={WIDTH} y1={BASE} y2={BASE} />
        <text className="tick" x="0" y={HEIGHT - 8}>
          0
        </text>
        <text className="tick" x={WIDTH} y={HEIGHT - 8} textAnchor="end">{`${integer(all)} licences`}</text>
      </svg>
    </figure>
  );
}
