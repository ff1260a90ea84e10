"use strict";
// What forms and htmx cannot do: the clipboard, a second thought, and keys. All pages work without it but for these.

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const text = document.getElementById(button.dataset.copy).textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Select it by hand";
  }
});

document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (question && !window.confirm(question)) event.preventDefault();
});

// A key clicks the element that names it, unless somebody is writing; Ctrl+Enter sends the form they write in.
document.addEventListener("keydown", (event) => {
  const writes = event.target.matches("input, textarea, select");
  if (writes && event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.target.form.requestSubmit();
  } else if (writes && event.key === "Escape") {
    event.target.blur();
  } else if (!writes && !event.ctrlKey && !event.metaKey && !event.altKey) {
    const named = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
    if (!named) return;
    event.preventDefault();
    named.matches("input, textarea") ? named.focus() : named.click();
  }
});
