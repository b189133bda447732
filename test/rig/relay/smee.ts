import type { RequestListener, ServerResponse } from "node:http";
import { text } from "node:stream/consumers";

/**
 * What smee.io's server does, as far as a listener sees it: bodies are parsed and written again, and nothing is kept for those who
 * come back. See: github.com/probot/smee.io, src/app.ts and src/events.ts.
 */
export function smeeLike(): { handler: RequestListener; ping: () => void } {
  const lines = new Set<ServerResponse>();
  const send = (frame: string) => {
    for (const line of lines) line.write(frame);
  };
  const handler: RequestListener = async (request, response) => {
    if (request.method === "GET") {
      response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
      response.write("event: ready\ndata: {}\n\n");
      lines.add(response);
      return void response.once("close", () => lines.delete(response));
    }
    const body: unknown = JSON.parse(await text(request));
    const message = { ...request.headers, body, query: {}, timestamp: Date.now() };
    send(`id: ${Date.now()}\ndata: ${JSON.stringify(message)}\n\n`);
    response.end();
  };
  return { handler, ping: () => send("event: ping\ndata: {}\n\n") };
}
