import { html } from "hono/html";

export type Html = ReturnType<typeof html>;

export type Page = {
  title: string;
  body: Html;
  /** Something on it will change: the page loads itself again every few seconds. */
  live: boolean;
};

/** A whole page. It uses no script. */
export function layout({ title, body, live }: Page): Html {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        ${live ? html`<meta http-equiv="refresh" content="3" />` : ""}
        <title>${title}</title>
        <link rel="icon" href="data:," />
        <link rel="stylesheet" href="/_assets/pico.min.css" />
        <link rel="stylesheet" href="/_assets/style.css" />
      </head>
      <body>
        <header class="top">
          <nav class="container">
            <a class="brand" href="/">GitHub, emulated</a>
            <small>A stand-in for tests and demonstrations. Nothing here reached github.com.</small>
          </nav>
        </header>
        <main class="container">${body}</main>
      </body>
    </html>`;
}

/** A moment, to the second, as people here write it. */
export function moment(at: number): Html {
  const text = new Date(at).toISOString();
  return html`<time datetime="${text}" title="${text}">${text.slice(11, 19)} UTC</time>`;
}

/** "48 s", "3 min 12 s", "2 h 5 min". */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
