import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";
import { WagmiProvider } from "wagmi";
import { ApiError } from "./api/client";
import { readDeployment } from "./api/hooks";
import type { Deployment } from "./api/types";
import { App } from "./app";
import { configOf, DeploymentProvider } from "./chain/config";
import { Failure } from "./parts/layout";
import "./style.css";

const RETRY_MS = 3000;

// What does not exist is not asked for again.
const retry = (failures: number, error: Error) =>
  !(error instanceof ApiError && error.code !== "unreachable") && failures < 2;
const queries = new QueryClient({ defaultOptions: { queries: { retry, staleTime: 1000 } } });

function Root({ deployment }: { deployment: Deployment }) {
  const [config] = useState(() => configOf(deployment));
  return (
    <StrictMode>
      <WagmiProvider config={config}>
        <QueryClientProvider client={queries}>
          <DeploymentProvider value={deployment}>
            <App />
          </DeploymentProvider>
        </QueryClientProvider>
      </WagmiProvider>
    </StrictMode>
  );
}

const element = document.getElementById("root");
if (!element) throw new Error("index.html has no root");
const root = createRoot(element);

async function start(): Promise<void> {
  try {
    root.render(<Root deployment={await readDeployment()} />);
  } catch (error) {
    root.render(
      <main>
        <Failure error={error} />
      </main>,
    );
    setTimeout(() => void start(), RETRY_MS);
  }
}
void start();
