/** The API of the indexer that served this page. */

export class ApiError extends Error {
  readonly code: string;
  readonly hint: string;

  constructor(code: string, message: string, hint: string) {
    super(message);
    this.code = code;
    this.hint = hint;
  }
}

const SILENT = new ApiError("unreachable", "The indexer does not answer.", "It is asked again every few seconds.");

/** Answers the body of a JSON answer; of `accepted` statuses too, such as that of an indexer that is not ready. */
export async function get<T>(path: string, accepted: number[] = []): Promise<T> {
  const response = await fetch(path, { headers: { accept: "application/json" } }).catch(() => {
    throw SILENT;
  });
  const body = await response.json().catch(() => {
    throw SILENT;
  });
  if (!response.ok && !accepted.includes(response.status)) throw new ApiError(body.code, body.message, body.hint);
  return body;
}
