// Follows a page's stream: puts the parts that come into their places, and comes back when it ends.

import { tellTimes } from "./times.js";

const AGAIN = 2000; // milliseconds until a lost stream is tried again
const SILENCE = 20000; // milliseconds without a sign of life after which the page says so
const CALM = 3; // new rows at once that light up: if more do, nobody's eye follows, and it costs

function made(html) {
  const template = document.createElement("template");
  template.innerHTML = html; // made by the server, which escapes what others wrote
  return template.content.firstElementChild;
}

function replace(old, html) {
  const fresh = made(html);
  tellTimes(fresh);
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  old.replaceWith(fresh);
  if (focused) {
    const same = focused.id ? document.getElementById(focused.id) : findLink(fresh, focused);
    same?.focus({ preventScroll: true });
  }
  return fresh;
}

function findLink(root, like) {
  const href = like.getAttribute("href");
  return href && root.querySelector(`a[href="${CSS.escape(href)}"]`);
}

function replaceList(list, { keys, changed }) {
  const known = new Map([...list.children].map((it) => [it.dataset.key, it]));
  const fresh = keys.filter((it) => !known.has(it)).length;
  const isCalm = fresh <= CALM && fresh < keys.length;
  let before = null;
  for (const key of keys) {
    let row = known.get(key);
    if (changed[key]) {
      const isNew = !row && isCalm;
      row = row ? replace(row, changed[key]) : made(changed[key]);
      row.classList.toggle("is-new", isNew);
      tellTimes(row);
    }
    known.delete(key);
    const place = before ? before.nextElementSibling : list.firstElementChild;
    if (row !== place) {
      list.insertBefore(row, place);
    }
    before = row;
  }
  for (const gone of known.values()) {
    gone.remove();
  }
}

function show(parts) {
  for (const [id, part] of Object.entries(parts)) {
    const place = document.getElementById(id);
    if (place && typeof part === "string") {
      replace(place, part);
    } else if (place) {
      replaceList(place, part);
    }
  }
}

export function follow(url, status) {
  let source = null;
  let heard = 0;

  function hear() {
    heard = Date.now();
    tell("is-live", "live");
  }

  function watch() {
    const silent = Date.now() - heard;
    if (source?.readyState === EventSource.OPEN && silent > SILENCE) {
      tell("is-gone", `no word for ${Math.floor(silent / 1000)} s`);
    }
  }

  function tell(name, words) {
    status.className = `stream ${name}`;
    if (status.textContent !== words) {
      status.textContent = words;
    }
  }

  async function again() {
    tell("is-gone", "reconnecting");
    const answer = await fetch("/console/session", { cache: "no-store" }).catch(() => null);
    if (answer?.status === 401 || answer?.status === 403) {
      location.reload(); // which leads to the sign-in, and back here
    } else {
      setTimeout(open, AGAIN);
    }
  }

  function open() {
    source?.close();
    source = new EventSource(url);
    source.addEventListener("open", hear);
    source.addEventListener("beat", hear);
    source.addEventListener("parts", (event) => {
      hear();
      show(JSON.parse(event.data));
    });
    source.addEventListener("error", () => {
      source.close();
      again();
    });
  }

  addEventListener("pagehide", () => source?.close());
  addEventListener("pageshow", (event) => event.persisted && open());
  setInterval(watch, 1000);
  open();
}
