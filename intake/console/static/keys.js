// Single-key shortcuts. They move, and follow links that stand on the page; they never send a form, so nothing is
// decided by a key: every act still asks for a reason and a confirmation. Absent where a person switched them off.
"use strict";

(() => {
  const panel = document.getElementById("keys");

  // A key that is meant as text, a command of the browser or part of an accented letter is not ours.
  const isTyping = (event) =>
    event.isComposing || event.ctrlKey || event.altKey || event.metaKey || event.repeat ||
    (event.target instanceof Element && event.target.closest("input, textarea, select, [contenteditable]"));

  const rows = () => [...document.querySelectorAll("table[data-rows] tbody tr")]
    .map((row) => row.querySelector("a[href]")).filter((link) => link !== null);

  const current = (links) => links.findIndex((link) => link.closest("tr").contains(document.activeElement));

  const move = (by) => {
    const links = rows(), at = current(links);
    const next = at < 0 ? (by > 0 ? 0 : links.length - 1) : Math.min(Math.max(at + by, 0), links.length - 1);
    if (links[next]) {
      links[next].focus();
      links[next].closest("tr").scrollIntoView({ block: "nearest" });
    }
  };

  const open = () => {
    const links = rows(), at = current(links);
    if (at >= 0) location.assign(links[at].href);
  };

  const follow = (key) => {
    const target = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
    if (target instanceof HTMLInputElement) {
      target.focus();
      target.select();
    } else if (target instanceof HTMLAnchorElement) {
      location.assign(target.href);
    }
    return target !== null;
  };

  document.addEventListener("keydown", (event) => {
    if (isTyping(event)) return;
    const key = event.key;
    if (key === "?") {
      if (panel.open) panel.close(); else panel.showModal();
    } else if (panel.open) {
      return;
    } else if (key === "j" || key === "k") {
      move(key === "j" ? 1 : -1);
    } else if (key === "o") {
      open();
    } else if (key.length !== 1 || !follow(key)) {
      return;
    }
    event.preventDefault();
  });

  panel.querySelector("[data-close]").addEventListener("click", () => panel.close());
  const field = location.hash === "#q" ? document.getElementById("q") : null;
  if (field) field.focus();
})();
