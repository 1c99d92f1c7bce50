// The operator's page.
import { html, render, useState } from "/assets/dom.js";
import { useSettings } from "/assets/settings.js";
import { useLive } from "/assets/live.js";
import { Badge, Header, dateTime, duration } from "/assets/parts.js";
import { t } from "/assets/words.js";
import { Overview } from "/assets/operator/overview.js";
import { Alerts, Channels, Places, Routes, Topologies } from "/assets/operator/system.js";
import { Seats, Stock } from "/assets/operator/sale.js";
import { Rankings, WaitingRoom } from "/assets/operator/waiting.js";
import { Letters } from "/assets/operator/letters.js";
import { Bursts } from "/assets/operator/bursts.js";

function State({ now, connected }) {
  if (!connected) return html`<${Badge} tone="bad">${t("state.disconnected")}</${Badge}>`;
  if (now.ready) return html`<${Badge} tone="good">${t("state.ready")}</${Badge}>`;
  return html`<${Badge} tone="bad">${t("state.notReady")}</${Badge}>`;
}

function Page() {
  const look = useSettings();
  const { now, history, connected } = useLive();
  // The token is in the memory of this page and nowhere else: a page that is loaded again has forgotten it.
  const [token, setToken] = useState("");
  return html`
    <a class="skip" href="#main">${t("skip")}</a>
    <${Header} title="Holdfast" here="operator">
      ${now && html`<p class="under" role="status" aria-live="polite"><${State} now=${now} connected=${connected} />
        ${!now.ready && html`<span>${now.reasons.join("; ")}</span>`}</p>`}
    </${Header}>
    <main id="main" tabindex="-1">
      ${!now && html`<p class="empty">${connected ? t("loading") : t("state.connecting")}</p>`}
      ${now && html`
        <${Alerts} alerts=${now.alerts} />
        <${Overview} now=${now} history=${history} look=${look} />
        <div class="panels">
          <${Seats} />
          <div class="stack"><${Stock} />${now.sample && html`<${Bursts} />`}</div>
          <div class="stack"><${WaitingRoom} /><${Rankings} /></div>
          <div class="stack"><${Topologies} now=${now} /></div>
          <${Places} now=${now} />
          <${Channels} now=${now} />
          <${Routes} now=${now} />
          <${Letters} now=${now} token=${token} setToken=${setToken} />
        </div>`}
    </main>
    ${now && html`<footer>
      <span>Holdfast ${now.version}</span><span>${t("app")} ${now.app}</span><span>${t("log")} ${now.log}</span>
      <span>${now.endpoint}</span><span>${t("uptime")} ${duration(now.uptimeMs)}</span><span>${dateTime(now.at)}</span>
      <span><a href="/metrics">/metrics</a></span><span><a href="/openapi.json">/openapi.json</a></span>
    </footer>`}`;
}

render(html`<${Page} />`, document.getElementById("page"));
