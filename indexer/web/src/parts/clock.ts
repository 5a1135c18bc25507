import { useEffect, useState } from "react";
import type { Sale } from "../chain/sale";

/** The chain's clock as it goes on since it was read, by the second. */
export function useChainTime(sale: Pick<Sale, "chainTime" | "readAt">): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return sale.chainTime + Math.max(0, Math.floor((now - sale.readAt) / 1000));
}
