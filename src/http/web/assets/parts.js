// Pieces that both pages are made of.
import { html, useEffect, useId, useRef, useState } from "/assets/dom.js";
import { currentLanguage, currentTheme, setLanguage, setTheme } from "/assets/settings.js";
import { Problem, said, serverNow, wish } from "/assets/api.js";
import { t } from "/assets/words.js";

// ---- numbers ------------------------------------------------------------------------------------------------------

const locale = () => (currentLanguage() === "en" ? "en-GB" : "ko-KR");

export function number(value, digits = 0) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  return value.toLocaleString(locale(), { maximumFractionDigits: digits });
}

/** A rate or a time: one digit after the point while it is small. */
export const measured = (value) => number(value, value !== null && value !== undefined && Math.abs(value) < 100 ? 1 : 0);

export function won(value) {
  if (currentLanguage() !== "en" || value === null || value === undefined) return `${number(value)}${currentLanguage() === "en" ? "" : "원"}`;
  return `${value < 0 ? "-" : ""}₩${number(Math.abs(value))}`;
}

export function clockTime(text) {
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? "–" : date.toTimeString().slice(0, 8);
}

export function dateTime(text) {
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? "–" : `${date.toLocaleDateString(locale())} ${clockTime(text)}`;
}

export function duration(ms) {
  if (ms === null || ms === undefined) return "–";
  if (ms < 1_000) return `${number(ms, ms < 10 ? 1 : 0)} ms`;
  if (ms < 60_000) return `${number(ms / 1_000, 1)} s`;
  const seconds = Math.floor(ms / 1_000);
  const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60];
  return hours > 0 ? `${hours} h ${minutes} min` : `${minutes} min ${seconds % 60} s`;
}

// ---- time ---------------------------------------------------------------------------------------------------------

/** Draws again every `everyMs`, and tells the worker's time. */
export function useNow(everyMs = 250) {
  const [now, setNow] = useState(serverNow());
  useEffect(() => {
    const timer = setInterval(() => setNow(serverNow()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}

/** What is left until a deadline, as m:ss. */
export function left(deadline, now) {
  const ms = Math.max(0, Date.parse(deadline) - now);
  const seconds = Math.ceil(ms / 1_000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

// ---- layout -------------------------------------------------------------------------------------------------------

export function Header({ title, here, children }) {
  return html`<header class="top">
    <div class="brand"><h1>${title}</h1>${children}</div>
    <div class="tools">
      <nav aria-label=${t("nav")}>
        <a href="/" aria-current=${here === "operator" ? "page" : undefined}>${t("nav.operator")}</a>
        <a href="/shop" aria-current=${here === "shop" ? "page" : undefined}>${t("nav.shop")}</a>
      </nav>
      <${Choice} label=${t("language")} value=${currentLanguage()} onChange=${setLanguage}
        options=${[["ko", "한국어"], ["en", "English"]]} />
      <${Choice} label=${t("theme")} value=${currentTheme()} onChange=${setTheme}
        options=${[["auto", t("theme.auto")], ["light", t("theme.light")], ["dark", t("theme.dark")]]} />
    </div>
  </header>`;
}

export function Choice({ label, value, options, onChange, shown = false }) {
  const id = useId();
  return html`<span class="field">
    <label class=${shown ? "" : "only-read"} for=${id}>${label}</label>
    <select id=${id} value=${value} onChange=${(event) => onChange(event.target.value)}>
      ${options.map(([key, text]) => html`<option value=${key} selected=${key === value}>${text}</option>`)}
    </select>
  </span>`;
}

export function Panel({ title, note, wide, children, id }) {
  const own = useId();
  return html`<section class=${`panel${wide ? " wide" : ""}`} aria-labelledby=${own} id=${id}>
    <div class="panel-head"><h2 id=${own}>${title}</h2>${note && html`<span class="note">${note}</span>`}</div>
    ${children}
  </section>`;
}

export function Tile({ label, value, unit, note, tone }) {
  return html`<div class=${`tile ${tone ?? ""}`}>
    <dt>${label}</dt>
    <dd><span class="figure">${value}</span>${unit && html` <span class="unit">${unit}</span>`}${note && html`<span class="note">${note}</span>`}</dd>
  </div>`;
}

/** `columns`: `[title, "num" or ""]`; `rows`: arrays of cells. The first cell of a row names it. */
export function Table({ caption, columns, rows, empty }) {
  if (rows.length === 0) return html`<p class="empty">${empty ?? t("none")}</p>`;
  return html`<div class="scroll" tabindex="0" role="group" aria-label=${caption}>
    <table>
      <caption class="only-read">${caption}</caption>
      <thead><tr>${columns.map(([title, kind]) => html`<th scope="col" class=${kind ?? ""}>${title}</th>`)}</tr></thead>
      <tbody>${rows.map((cells) => html`<tr>${cells.map((cell, nth) => nth === 0
        ? html`<th scope="row" class=${columns[nth][1] ?? ""}>${cell}</th>`
        : html`<td class=${columns[nth][1] ?? ""}>${cell}</td>`)}</tr>`)}</tbody>
    </table>
  </div>`;
}

/** Says what a button is about to those who do not see what stands beside it. */
export const About = ({ children }) => html`<span class="only-read"> ${children}</span>`;

export const Badge = ({ tone, children }) => html`<span class=${`badge ${tone ?? ""}`}>${children}</span>`;

export function Bar({ label, value, total }) {
  const part = total > 0 ? Math.min(1, Math.max(0, value / total)) : 0;
  const percent = Math.round(part * 1000) / 10;
  return html`<div class="bar" role="meter" aria-label=${label} aria-valuemin="0" aria-valuemax="100" aria-valuenow=${percent}>
    <div style=${{ width: `${percent}%` }}></div></div>`;
}

export function Field({ label, value, onInput, type = "text", ...rest }) {
  const id = useId();
  return html`<span class="field">
    <label for=${id}>${label}</label>
    <input id=${id} type=${type} value=${value} onInput=${(event) => onInput(event.target.value)} ...${rest} />
  </span>`;
}

// ---- doing something ----------------------------------------------------------------------------------------------

/**
 * Runs one act at a time: `[run, busy]`. What it returns, or what was refused, is told through `tell(text, tone)`.
 */
export function useAct(tell) {
  const [busy, setBusy] = useState(false);
  const under = useRef(false);
  async function run(act) {
    if (under.current) return;
    under.current = true;
    setBusy(true);
    try {
      const text = await act();
      if (text) tell(text, "good");
    } catch (error) {
      tell(said(error), "bad");
    } finally {
      under.current = false;
      setBusy(false);
    }
  }
  return [run, busy];
}

/**
 * Names a wish for as long as nobody knows what became of it: `once(body, act)` calls `act(key)`. The same body under the same key is the same wish, so a
 * retry after a broken connection does nothing twice; once the worker has answered, whatever it said, the next one is another wish.
 */
export function useOnce() {
  const open = useRef({ body: "", key: "" });
  return async (body, act) => {
    const text = JSON.stringify(body);
    if (open.current.body !== text) open.current = { body: text, key: wish() };
    try {
      const answer = await act(open.current.key);
      open.current = { body: "", key: "" };
      return answer;
    } catch (error) {
      if (error instanceof Problem && error.code !== "OUTCOME_UNKNOWN") open.current = { body: "", key: "" };
      throw error;
    }
  };
}

/** The line that says what the last act came to: read aloud, and shown. */
export function Said({ text, tone }) {
  return html`<p class=${`said ${tone ?? ""}`} role="status" aria-live="polite">${text}</p>`;
}

/** A line of what was said, and the function that says it. */
export function useSaid() {
  const [what, setWhat] = useState({ text: "", tone: "" });
  return [html`<${Said} ...${what} />`, (text, tone) => setWhat({ text, tone })];
}

export function Trouble({ problem }) {
  return problem ? html`<p class="said bad">${said(problem)}</p>` : null;
}
