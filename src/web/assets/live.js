/** Puts a page's body in the place of the old one whenever the server sends it. Without this script the page has to be loaded again. */

const main = document.querySelector("[data-live]");
const line = document.querySelector("#line");

for (const log of logs()) log.scrollTop = log.scrollHeight;
if (main) listen(main.dataset.live);

function listen(address) {
  const source = new EventSource(address);
  source.addEventListener("open", () => say("Live"));
  source.addEventListener("body", (event) => replace(event.data));
  source.addEventListener("error", () => {
    const isOver = source.readyState === EventSource.CLOSED;
    say(isOver ? "Not live any more: load the page again" : "Connection lost, trying again");
  });
}

function say(text) {
  if (line.textContent !== text) line.textContent = text;
  line.classList.toggle("on", text === "Live");
}

/** What the person has opened and scrolled stays as it is, and while something is chosen from a list all of it does. */
function replace(body) {
  if (main.contains(document.activeElement) && document.activeElement.matches("select")) return;
  const opened = [...main.querySelectorAll("details[open][id]")].map(({ id }) => id);
  const places = new Map(logs().map((log) => [log.id, isAtEnd(log) ? undefined : log.scrollTop]));
  const focused = main.contains(document.activeElement) ? nameOf(document.activeElement) : undefined;
  main.innerHTML = body;
  for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
  for (const log of logs()) log.scrollTop = places.get(log.id) ?? log.scrollHeight;
  if (focused) main.querySelector(focused)?.focus({ preventScroll: true });
}

function logs() {
  return [...document.querySelectorAll("pre[id]")];
}

function isAtEnd({ scrollTop, scrollHeight, clientHeight }) {
  return scrollTop + clientHeight >= scrollHeight - 4;
}

function nameOf(element) {
  if (element.id) return `#${CSS.escape(element.id)}`;
  if (element.matches("details[id] > summary")) return `#${CSS.escape(element.parentElement.id)} > summary`;
  const href = element.getAttribute("href");
  return href === null ? undefined : `[href="${CSS.escape(href)}"]`;
}
