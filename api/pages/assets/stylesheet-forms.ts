/** Fields, choices, buttons and what is said when something is wrong with them. */
export const formStyles = `
.form, .field, .actions, .sign-in, .choices, .check { grid-template-columns: minmax(0, 1fr); }
.form { display: grid; gap: 1.5rem; }
.field { display: grid; gap: 0.35rem; }
.field > label, .group > legend { font-weight: 600; }
.group > legend { margin-block-end: 0.5rem; }
.hint { color: var(--soft); font-size: 0.9375rem; line-height: 1.5; text-wrap: pretty; }
.count { color: var(--soft); font-size: 0.875rem; font-variant-numeric: tabular-nums; }
input[type="text"], input[type="email"], input[type="password"], textarea {
  width: 100%; min-height: 3rem; padding: 0.65rem 0.85rem; font: inherit; color: var(--ink);
  background: var(--field); border: 1px solid var(--edge); border-radius: 9px;
}
textarea { min-height: 6rem; resize: vertical; }
input:focus-visible, textarea:focus-visible { outline-offset: 1px; border-radius: 9px; }
:is(input, textarea)[aria-invalid="true"][aria-invalid] { border-color: var(--danger); border-width: 2px; }
.secret { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
.under { display: flex; flex-wrap: wrap; gap: 0.25rem 1rem; justify-content: space-between; align-items: center; margin-block-end: -0.5rem; }
.reveal {
  min-height: 2.75rem; padding: 0; font: inherit; font-size: 0.9375rem; color: var(--accent);
  background: none; border: 0; text-decoration: underline; text-underline-offset: 0.18em; cursor: pointer;
}
.reveal[aria-pressed="true"] { text-decoration-thickness: 2px; font-weight: 600; }
.error { display: flex; gap: 0.45rem; color: var(--danger); font-size: 0.9375rem; font-weight: 550; line-height: 1.45; }
.error svg { flex: none; width: 1.15rem; height: 1.15rem; margin-block-start: 0.1rem; }
.summary { display: grid; gap: 0.5rem; padding: 1rem 1.15rem; background: var(--danger-tint); border: 1px solid var(--danger); border-radius: 10px; }
.summary h2 { font-size: 1.0625rem; color: var(--danger); }
.summary ul { padding-inline-start: 1.15rem; }
.summary a { color: var(--ink); }
.summary:focus { outline: 3px solid var(--danger); outline-offset: 2px; }
.choices { display: grid; gap: 0.6rem; }
.choice {
  display: grid; grid-template-columns: auto minmax(0, 1fr); gap: 0.15rem 0.8rem; padding: 0.8rem 1rem;
  border: 1px solid var(--line); border-radius: 10px; cursor: pointer;
}
.choice:hover { border-color: var(--edge); }
.choice:has(:checked) { border-color: var(--accent); box-shadow: inset 0 0 0 1px var(--accent); background: var(--tint); }
.choice:has(:focus-visible) { outline: 3px solid var(--accent); outline-offset: 2px; }
.choice input:focus-visible { outline: none; }
.choice .hint { grid-column: 2; }
.choice strong { font-weight: 600; }
input[type="radio"], input[type="checkbox"] { width: 1.25rem; height: 1.25rem; margin: 0.2rem 0 0; accent-color: var(--accent); flex: none; }
.sign-in { display: grid; gap: 1.25rem; }
.sign-in:has([value="link"]:checked) .password-part { display: none; }
.check { display: grid; gap: 0.5rem; }
.check label { display: grid; grid-template-columns: auto 1fr; gap: 0.8rem; cursor: pointer; padding-block: 0.25rem; }
.button {
  display: inline-flex; align-items: center; justify-content: center; gap: 0.5rem; width: 100%; min-height: 3.25rem;
  padding: 0.75rem 1.5rem; font: inherit; font-weight: 600; line-height: 1.3; text-align: center; text-decoration: none;
  color: var(--on-accent); background: var(--accent); border: 1px solid var(--accent); border-radius: 10px; cursor: pointer;
}
.button:hover { color: var(--on-accent); background: var(--accent-strong); border-color: var(--accent-strong); text-decoration: none; }
.button:focus-visible { border-radius: 10px; }
.button[aria-disabled="true"] { cursor: progress; opacity: 0.85; }
.button-quiet, .button-quiet:hover { color: var(--ink); background: transparent; border-color: var(--edge); }
.button-quiet:hover { background: var(--sunken); }
.actions { display: grid; gap: 0.75rem; }
.divider { display: grid; grid-template-columns: 1fr auto 1fr; gap: 1rem; align-items: center; color: var(--soft); font-size: 0.9375rem; }
.divider::before, .divider::after { content: ""; border-block-start: 1px solid var(--line); }
details.aside { border-block-start: 1px solid var(--line); padding-block-start: 1rem; }
details.aside > summary { width: fit-content; min-height: 2.75rem; padding-block: 0.5rem; color: var(--soft); font-size: 0.9375rem; cursor: pointer; }
details.aside > summary:hover { color: var(--ink); }
details.aside[open] > summary { margin-block-end: 0.75rem; }
@media (forced-colors: active) {
  .button { border-color: ButtonText; }
  .choice:has(:checked) { border-color: Highlight; }
}
`;
