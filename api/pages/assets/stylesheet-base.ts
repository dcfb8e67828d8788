/** Colours, type, and what every page has around its content. Contrast is at least 4.5 in both schemes. */
export const baseStyles = `
:root {
  color-scheme: light dark;
  --paper: #f6f4ee;
  --glow: #fbf7ea;
  --surface: #fffefb;
  --field: #ffffff;
  --sunken: #f1eee5;
  --ink: #1c2622;
  --soft: #55615b;
  --line: #ddd8ca;
  --edge: #8a8f86;
  --accent: #1d5c48;
  --accent-strong: #154736;
  --on-accent: #ffffff;
  --tint: #e4efe8;
  --amber: #7a4b00;
  --amber-tint: #faeed3;
  --danger: #a12a1c;
  --danger-tint: #fbe9e5;
  --shadow: 0 1px 2px rgb(40 34 16 / 6%), 0 12px 32px -12px rgb(40 34 16 / 16%);
  --radius: 14px;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #101513;
    --glow: #17211c;
    --surface: #19211d;
    --field: #121815;
  --sunken: #131a17;
    --ink: #e9eeea;
    --soft: #a9b5ae;
    --line: #2e3934;
    --edge: #75827b;
    --accent: #86d6b4;
    --accent-strong: #a5e4c9;
    --on-accent: #0b1a14;
    --tint: #1f3029;
    --amber: #f0c477;
    --amber-tint: #33291a;
    --danger: #ffab9e;
    --danger-tint: #3a211d;
    --shadow: 0 1px 2px rgb(0 0 0 / 40%), 0 16px 40px -16px rgb(0 0 0 / 60%);
  }
}
*, *::before, *::after { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0;
  min-height: 100vh;
  min-height: 100svh;
  display: flex;
  flex-direction: column;
  background: radial-gradient(70rem 32rem at 18% -8rem, var(--glow), transparent) var(--paper);
  color: var(--ink);
  font: 400 1.0625rem/1.6 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", Arial, sans-serif;
}
h1, h2, h3, p, ul, ol, dl, dd, fieldset, legend { margin: 0; padding: 0; border: 0; }
h1, h2, h3, p, dd, li, a, bdi, .button { overflow-wrap: anywhere; }
h1, h2, h3 { line-height: 1.22; letter-spacing: -0.012em; text-wrap: balance; font-weight: 650; }
h1 { font-size: clamp(1.75rem, 1.35rem + 1.7vw, 2.5rem); }
h2 { font-size: 1.3125rem; }
h3 { font-size: 1.0625rem; letter-spacing: 0; }
a { color: var(--accent); text-underline-offset: 0.18em; text-decoration-thickness: 1px; }
a:hover { color: var(--accent-strong); text-decoration-thickness: 2px; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px; border-radius: 6px; }
[tabindex="-1"]:focus { outline: none; }
[hidden] { display: none; }
.visually-hidden {
  position: absolute; width: 1px; height: 1px; margin: -1px; padding: 0;
  overflow: hidden; clip-path: inset(50%); white-space: nowrap; border: 0;
}
.skip {
  position: absolute; left: 1rem; top: -5rem; z-index: 1; padding: 0.7rem 1.1rem;
  background: var(--accent); color: var(--on-accent); border-radius: 8px;
}
.skip:focus { top: 0.75rem; color: var(--on-accent); }
.shell { width: 100%; max-width: 70rem; margin-inline: auto; padding-inline: clamp(1.25rem, 5vw, 3rem); }
.top { display: flex; flex-wrap: wrap; gap: 0.5rem 1.5rem; align-items: center; justify-content: space-between; padding-block: 1.25rem; }
.brand { display: inline-flex; align-items: center; gap: 0.6rem; font-weight: 650; letter-spacing: -0.01em; }
.brand svg { width: 1.75rem; height: 1.75rem; }
.languages ul { display: flex; gap: 0.25rem; list-style: none; margin-inline-end: -0.5rem; }
.languages a {
  display: block; padding: 0.55rem 0.5rem; font-size: 0.875rem; line-height: 1.4;
  color: var(--soft); text-decoration: none; border-radius: 6px;
}
.languages a:hover { color: var(--ink); text-decoration: underline; }
.languages a[aria-current] { color: var(--ink); text-decoration: underline; text-decoration-color: var(--accent); text-decoration-thickness: 2px; text-underline-offset: 0.4em; }
main { flex: 1; padding-block: clamp(1.25rem, 4vw, 3.5rem) 4rem; }
.foot { padding-block: 1.5rem 2rem; font-size: 0.875rem; color: var(--soft); }
.foot p { padding-block-start: 1.25rem; border-block-start: 1px solid var(--line); }

.split, .intro, .card, .stack, .next { grid-template-columns: minmax(0, 1fr); }
.split { display: grid; gap: 2rem; }
.intro { display: grid; gap: 1.25rem; align-content: start; }
.lead { color: var(--soft); font-size: 1.125rem; text-wrap: pretty; }
.over { color: var(--soft); font-size: 0.9375rem; }
.card {
  display: grid; gap: 1.5rem; align-content: start; padding: clamp(1.375rem, 4vw, 2.25rem);
  background: var(--surface); border: 1px solid var(--line); border-radius: var(--radius); box-shadow: var(--shadow);
}
.stack { display: grid; gap: 0.75rem; }
.soft { color: var(--soft); }
.small { font-size: 0.9375rem; }
.facts { display: grid; gap: 0.85rem; padding-block: 1.25rem; border-block: 1px solid var(--line); }
.facts dt { font-size: 0.875rem; color: var(--soft); }
.facts dd { font-weight: 550; }
.next { display: grid; gap: 1rem; align-content: start; }
.next ol { display: grid; gap: 0.85rem; list-style: none; counter-reset: next; }
.next li { display: grid; grid-template-columns: 1.75rem 1fr; gap: 0.85rem; color: var(--soft); counter-increment: next; }
.next li::before {
  content: counter(next); display: grid; place-items: center; width: 1.75rem; height: 1.75rem;
  border-radius: 50%; background: var(--tint); color: var(--accent); font-size: 0.875rem; font-weight: 650;
}
@media (min-width: 56rem) {
  .split { grid-template-columns: minmax(0, 1fr) minmax(0, 30rem); column-gap: clamp(3rem, 7vw, 6rem); }
  .split > .intro { grid-column: 1; grid-row: 1; }
  .split > .next { grid-column: 1; grid-row: 2; }
  .split > .main-card { grid-column: 2; grid-row: 1 / span 3; align-self: start; }
  .split { grid-template-rows: auto 1fr; }
}

.outcome { max-width: 38rem; margin-inline: auto; }
.outcome .card { gap: 1.25rem; }
.outcome h1 { font-size: clamp(1.5rem, 1.3rem + 1vw, 2rem); }
.seal { display: grid; place-items: center; width: 3.5rem; height: 3.5rem; border-radius: 50%; background: var(--tint); color: var(--accent); }
.seal svg { width: 1.75rem; height: 1.75rem; }
.seal-amber { background: var(--amber-tint); color: var(--amber); }
.seal-danger { background: var(--danger-tint); color: var(--danger); }
.number { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: 0.875rem; color: var(--ink); user-select: all; }
`;
