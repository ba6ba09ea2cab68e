// What makes the pages live. Without it they show the same, as it was when they were asked for.
"use strict";

const at = (selector, place = document) => [...place.querySelectorAll(selector)];

// Copying needs a script, so the buttons are hidden without one.
function copies(place) {
  for (const button of at("button[data-copy]", place)) {
    button.hidden = !navigator.clipboard;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
  }
}

// Whether the log that is shown will not go on.
let hasEnded = false;

// The part of a page that changes says where its next state is; the state after an end says nothing.
async function refresh() {
  const old = document.getElementById("live");
  if (!old?.dataset.live) return;
  try {
    const answer = await fetch(old.dataset.live);
    if (answer.ok) {
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const live = page.getElementById("live");
      // Another attempt has a log of its own.
      if (hasEnded && Number(live?.dataset.attempt) > Number(old.dataset.attempt)) location.reload();
      if (live && live.outerHTML !== old.outerHTML) {
        const focused = old.contains(document.activeElement) ? document.activeElement : null;
        old.replaceWith(live);
        copies(live);
        const again = focused && (focused.name ? `[name="${focused.name}"]` : focused.href && `[href="${focused.getAttribute("href")}"]`);
        if (again) live.querySelector(again)?.focus();
      }
    }
  } catch {
    // It is asked again.
  }
}

function follow() {
  const lines = document.getElementById("lines");
  if (!lines?.dataset.follow) return;
  const events = new EventSource(lines.dataset.follow);
  events.addEventListener("message", (event) => {
    document.getElementById("waits")?.remove();
    // Whoever reads the end stays there; whoever has scrolled up is left alone.
    const isAtEnd = innerHeight + scrollY >= document.documentElement.scrollHeight - 60;
    lines.insertAdjacentHTML("beforeend", event.data);
    if (lines.childElementCount > 10000) lines.firstElementChild.remove();
    if (isAtEnd) scrollTo(0, document.documentElement.scrollHeight);
  });
  events.addEventListener("end", () => {
    events.close();
    hasEnded = true;
    refresh();
  });
}

// A form of the API's page: sent, with its answer below it.
async function send(form) {
  const { method, path, kind } = form.dataset;
  const data = new FormData(form);
  const place = path.replace(/\{(\w+)\}/g, (_, name) => {
    const value = data.get(name) ?? "";
    data.delete(name);
    return encodeURIComponent(value);
  });
  for (const [name, value] of [...data]) {
    if (value === "" || (value instanceof File && value.name === "")) data.delete(name);
  }
  const request = { method: method.toUpperCase() };
  let query = "";
  if (kind === "application/json") {
    request.headers = { "content-type": kind };
    request.body = data.get("body") ?? "";
  } else if (kind) {
    request.body = data;
  } else if ([...data].length > 0) {
    query = `?${new URLSearchParams(data)}`;
  }
  const output = form.querySelector("output");
  const shown = document.createElement("pre");
  output.replaceChildren(shown);
  try {
    const answer = await fetch(place + query, request);
    shown.textContent = `${request.method} ${place}${query}\n${answer.status} ${answer.statusText}\n\n`;
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) shown.append(piece.value);
  } catch (error) {
    shown.append(`${error}`);
  }
}

for (const form of at("form[data-path]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(form);
  });
}
copies(document);
follow();
setInterval(() => { if (!document.hidden) refresh(); }, 3000);
