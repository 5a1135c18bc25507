import { useQuery } from "@tanstack/react-query";
import { type Address, erc20Abi } from "viem";
import { usePublicClient } from "wagmi";
import { units, ZERO_ADDRESS } from "../lib/format";

export interface Token {
  address: Address;
  symbol: string;
  decimals: number;
}

/** Symbol and decimals as the token states them; undefined while, or where, it cannot be asked. */
export function useToken(address: Address | undefined): Token | undefined {
  const client = usePublicClient();
  const native = address === ZERO_ADDRESS;
  const { data } = useQuery({
    queryKey: ["token", client?.chain.id, address],
    enabled: !!client && !!address && !native,
    staleTime: Number.POSITIVE_INFINITY,
    retry: 1,
    queryFn: async (): Promise<Token> => {
      if (!client || !address) throw new Error("disabled");
      const read = { address, abi: erc20Abi };
      const [symbol, decimals] = await Promise.all([
        client.readContract({ ...read, functionName: "symbol" }),
        client.readContract({ ...read, functionName: "decimals" }),
      ]);
      return { address, symbol, decimals };
    },
  });
  return native && address ? { address, symbol: client?.chain.nativeCurrency.symbol ?? "ETH", decimals: 18 } : data;
}

/** `12.5 aUSD`, exactly; or cut after some decimals, which an ellipsis tells. */
export const inToken = (amount: bigint | string, token: Token, decimals?: number): string =>
  `${units(amount, token.decimals, decimals)}\u00a0${token.symbol}`;
