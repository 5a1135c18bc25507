/** What a purchase brought, from the events of its own receipt. */
import { parseEventLogs, type TransactionReceipt } from "viem";
import { nodeSaleAbi } from "../chain/abi.gen";
import { type Sale, tierName } from "../chain/sale";
import { Facts } from "../parts/layout";
import { Amount } from "../parts/values";

export function BoughtReceipt({ sale, receipt }: { sale: Sale; receipt: TransactionReceipt }) {
  const logs = receipt.logs.filter(({ address }) => address.toLowerCase() === sale.address.toLowerCase());
  const bought = parseEventLogs({ abi: nodeSaleAbi, eventName: "Bought", logs });
  const paid = bought.reduce((sum, { args }) => sum + args.paid * args.quantity, 0n);
  return (
    <Facts
      of={[
        ...bought.map(({ args }): [string, React.ReactNode] => [
          tierName(sale, args.tier),
          <>
            {numbers(args.first, args.quantity)}, <Amount of={args.paid} token={args.token} /> each
          </>,
        ]),
        ["Paid in all", <Amount key="paid" of={paid} token={bought[0]?.args.token} />],
      ]}
    />
  );
}

const numbers = (first: bigint, quantity: bigint): string =>
  quantity === 1n ? `No. ${first}` : `No. ${first} – ${first + quantity - 1n}`;
