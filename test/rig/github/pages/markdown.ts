import { html } from "hono/html";
import { Marked, type RendererObject } from "marked";

/**
 * Markdown as GitHub shows it in check runs, as HTML that is safe to put into a page: HTML in it is shown as text, but for a few
 * tags without attributes, pictures become links, and links lead to the web only.
 * See: docs.github.com, "Basic writing and formatting syntax".
 */
export function markdownToHtml(text: string): string {
  return marked.parse(text, { async: false });
}

/** Tags that people use in check runs to fold and to shape things. */
const HARMLESS = /&lt;(\/?(?:details|summary|br|sub|sup|kbd|b|i|code|pre)|details open)\s*\/?&gt;/g;

const renderer: RendererObject = {
  html: ({ text }) => escaped(text).replaceAll(HARMLESS, "<$1>"),
  link({ href, tokens }) {
    const label = this.parser.parseInline(tokens);
    return isWebAddress(href) ? `<a href="${escaped(href)}" rel="nofollow">${label}</a>` : label;
  },
  image: ({ href, text }) =>
    isWebAddress(href) ? `<a href="${escaped(href)}" rel="nofollow">${escaped(text)}</a>` : escaped(text),
};

const marked = new Marked({ gfm: true, breaks: false, renderer });

const isWebAddress = (href: string): boolean => /^https?:\/\//.test(href);

const escaped = (text: string): string => String(html`${text}`);
