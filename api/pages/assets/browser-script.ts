/**
 * What runs in the browser, if it runs scripts at all; every page works without it. It takes the
 * token out of the visible address, writes moments in the reader's zone, lets secrets be seen while
 * they are typed, keeps a form from being sent twice, and follows the progress.
 */
export const browserScript = `(() => {
  'use strict';
  const root = document.documentElement;

  // The link stays in this history entry's state: a reload or a step back finds its way again.
  const visible = root.dataset.visiblePath;
  if (visible && location.pathname.startsWith(visible + '/')) {
    history.replaceState({ usherLink: location.pathname + location.search }, '', visible);
  }
  if (root.dataset.resume !== undefined) {
    const link = history.state && history.state.usherLink;
    if (typeof link === 'string' && /^\\/(invite|login)\\/[\\w-]+/.test(link)) location.replace(link);
  }

  // A browser may call its language what no standard knows, such as en-US@posix; that must not end everything here.
  function momentFormat() {
    const parts = {
      day: 'numeric', month: 'long', year: 'numeric', hour: '2-digit', minute: '2-digit', timeZoneName: 'short',
    };
    const own = navigator.language || '';
    try {
      if (own.split('-')[0] === root.lang) return new Intl.DateTimeFormat(own, parts);
    } catch {}
    return new Intl.DateTimeFormat(root.lang, parts);
  }

  function localMoments(within) {
    const format = momentFormat();
    for (const time of within.querySelectorAll('time[datetime]')) {
      time.textContent = format.format(new Date(time.dateTime));
    }
  }

  function secrets(within) {
    for (const button of within.querySelectorAll('button[data-reveal]')) {
      const input = document.getElementById(button.dataset.reveal);
      button.hidden = false;
      button.addEventListener('click', () => {
        const shown = input.type === 'text';
        input.type = shown ? 'password' : 'text';
        button.setAttribute('aria-pressed', String(!shown));
      });
      if (input.form) input.form.addEventListener('submit', () => { input.type = 'password'; });
    }
    for (const count of within.querySelectorAll('[data-count]')) {
      const input = document.getElementById(count.dataset.count);
      const write = () => {
        const typed = Array.from(input.value).length;
        count.hidden = typed === 0;
        count.textContent = count.dataset.words.replace('{n}', String(typed));
      };
      input.addEventListener('input', write);
      write();
    }
  }

  function sendOnce(within) {
    for (const form of within.querySelectorAll('form[data-sending]')) {
      let sent = false;
      form.addEventListener('submit', (event) => {
        if (sent) { event.preventDefault(); return; }
        sent = true;
        const button = event.submitter;
        if (!button) return;
        const words = button.textContent;
        button.setAttribute('aria-disabled', 'true');
        button.textContent = form.dataset.sending;
        window.addEventListener('pageshow', (shown) => {
          if (!shown.persisted) return;
          sent = false;
          button.removeAttribute('aria-disabled');
          button.textContent = words;
        }, { once: true });
      });
    }
  }

  function enhance(within) {
    localMoments(within);
    secrets(within);
    sendOnce(within);
  }
  enhance(document);

  const shown = () => document.querySelector('[data-progress]');
  if (!shown() || shown().dataset.final !== undefined) return;
  const announce = document.querySelector('[data-announce]');
  const quickest = 2000;
  const slowest = 15000;
  let pause = quickest;
  let timer = 0;
  let busy = false;

  function typing() {
    const form = shown().querySelector('form');
    if (!form) return false;
    if (form.contains(document.activeElement)) return true;
    return Array.from(form.elements).some((field) => field.type !== 'hidden' && 'defaultValue' in field && field.value !== field.defaultValue);
  }

  async function refresh() {
    const answer = await fetch(location.href, { headers: { accept: 'text/html' }, cache: 'no-store' });
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
    const fresh = page.querySelector('[data-progress]');
    if (!answer.ok || !fresh) { location.reload(); return; }
    if (typing()) {
      shown().querySelector('[data-steps]').replaceWith(fresh.querySelector('[data-steps]'));
      shown().dataset.revision = fresh.dataset.revision;
      return;
    }
    document.title = page.title;
    shown().replaceWith(fresh);
    enhance(fresh);
    const heading = fresh.querySelector('[data-situation]');
    announce.textContent = heading ? heading.textContent : announce.dataset.announce;
  }

  async function look() {
    if (busy || document.hidden) return;
    busy = true;
    try {
      const answer = await fetch('/onboarding/progress.json', { headers: { accept: 'application/json' }, cache: 'no-store' });
      if (answer.status === 401 || answer.status === 403) { location.reload(); return; }
      if (!answer.ok) throw new Error(String(answer.status));
      const news = await answer.json();
      const changed = news.revision !== shown().dataset.revision;
      pause = changed ? quickest : Math.min(pause * 1.2, slowest);
      if (changed) await refresh();
    } catch {
      pause = Math.min(pause * 2, slowest);
    } finally {
      busy = false;
      next();
    }
  }

  function next() {
    clearTimeout(timer);
    if (shown().dataset.final === undefined) timer = setTimeout(look, pause);
  }
  document.addEventListener('visibilitychange', () => { if (!document.hidden) { pause = quickest; look(); } });
  next();
})();
`;
