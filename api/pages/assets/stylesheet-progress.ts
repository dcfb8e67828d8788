/** The steps of the progress page and what stands beside them. */
export const progressStyles = `
.progress { display: grid; grid-template-columns: minmax(0, 1fr); gap: 1.75rem; }
.progress-head { display: grid; gap: 0.35rem; }
.steps { display: grid; list-style: none; }
.steps li { position: relative; display: grid; grid-template-columns: 2rem 1fr; gap: 1rem; padding-block-end: 1.5rem; }
.steps li:last-child { padding-block-end: 0; }
.steps li:not(:last-child)::before {
  content: ""; position: absolute; inset-inline-start: calc(1rem - 1px); inset-block: 2.2rem 0.2rem; width: 2px;
  background: var(--line); border-radius: 1px;
}
.steps li.done:not(:last-child)::before { background: var(--accent); }
.marker {
  display: grid; place-items: center; width: 2rem; height: 2rem; border-radius: 50%;
  border: 2px solid var(--line); color: var(--soft); font-size: 0.875rem; font-weight: 650;
}
.marker svg { width: 1.1rem; height: 1.1rem; }
.done .marker { background: var(--accent); border-color: var(--accent); color: var(--on-accent); }
.current .marker { border-color: var(--accent); color: var(--accent); background: var(--tint); }
.waiting .marker { border-color: var(--accent); background: var(--accent); color: var(--on-accent); }
.parked .marker { border-color: var(--amber); background: var(--amber-tint); color: var(--amber); }
.step-text { display: grid; gap: 0.05rem; padding-block-start: 0.15rem; }
.step-name { font-weight: 600; line-height: 1.4; }
.upcoming .step-name { font-weight: 450; color: var(--soft); }
.step-state { font-size: 0.9375rem; color: var(--soft); }
.current .step-state, .waiting .step-state { color: var(--accent); font-weight: 550; }
.parked .step-state { color: var(--amber); font-weight: 550; }
.options { display: grid; gap: 0.75rem; list-style: none; }
.option { display: grid; gap: 0.1rem; padding: 0.95rem 1.1rem; border: 1px solid var(--line); border-radius: 10px; }
.option a { font-weight: 600; }
.option strong { font-weight: 600; }
@media (min-width: 56rem) {
  .progress { grid-template-columns: minmax(0, 1fr) minmax(0, 32rem); grid-template-rows: auto 1fr; column-gap: clamp(3rem, 7vw, 6rem); row-gap: 2.25rem; }
  .progress-head { grid-column: 1; grid-row: 1; }
  .progress > .rail { grid-column: 1; grid-row: 2; }
  .progress > .card { grid-column: 2; grid-row: 1 / span 2; align-self: start; }
}
@media (prefers-reduced-motion: no-preference) {
  .current .marker::after {
    content: ""; position: absolute; width: 2rem; height: 2rem; border-radius: 50%;
    border: 2px solid var(--accent); animation: breathe 2.4s ease-out infinite;
  }
  .button, .choice { transition: background-color 120ms ease, border-color 120ms ease; }
  @keyframes breathe { 0% { transform: scale(1); opacity: 0.55; } 70%, 100% { transform: scale(1.55); opacity: 0; } }
}
`;
