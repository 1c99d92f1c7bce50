// The buyer's page: one user, a whole sale by hand. Two windows with two users see each other's seats.
import { html, render, useEffect, useState } from "/assets/dom.js";
import { useSettings } from "/assets/settings.js";
import { Field, Header } from "/assets/parts.js";
import { t } from "/assets/words.js";
import { Queue } from "/assets/shop/queue.js";
import { Seats } from "/assets/shop/seats.js";
import { Coupons } from "/assets/shop/coupons.js";
import { Sale } from "/assets/shop/sale.js";
import { Money } from "/assets/shop/money.js";
import { Notices } from "/assets/shop/notices.js";
import { Rankings } from "/assets/operator/waiting.js";

/** The user is in the address (`#user_123`): a window that is loaded again is the same user, and a second window may be another. */
function fromAddress() {
  try {
    return decodeURIComponent(location.hash.slice(1)) || "user_123";
  } catch {
    return "user_123";
  }
}

function Page() {
  useSettings();
  const [user, setUser] = useState(fromAddress());
  const [typed, setTyped] = useState(user);
  const [token, setToken] = useState("");
  // Rises with everything that this user does: what shows money or notices asks again at once.
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const moved = () => {
      setUser(fromAddress());
      setTyped(fromAddress());
      setToken("");
    };
    addEventListener("hashchange", moved);
    return () => removeEventListener("hashchange", moved);
  }, []);
  const choose = (event) => {
    event.preventDefault();
    if (typed.trim()) location.hash = encodeURIComponent(typed.trim());
  };
  // The address names the user, so the link goes there without it.
  const skip = (event) => {
    event.preventDefault();
    document.getElementById("main").focus();
  };
  const all = { user, turn, done: () => setTurn((n) => n + 1), token };
  return html`
    <a class="skip" href="#main" onClick=${skip}>${t("skip")}</a>
    <${Header} title=${t("shop")} here="shop">
      <form class="row" onSubmit=${choose}>
        <${Field} label=${t("user")} value=${typed} onInput=${setTyped} autocomplete="off" spellcheck=${false} />
        <button type="submit" disabled=${typed.trim() === user}>${t("user.choose")}</button>
      </form>
    </${Header}>
    <main id="main" tabindex="-1">
      <div class="panels" key=${user}>
        <${Queue} ...${all} setToken=${setToken} />
        <${Money} ...${all} />
        <${Rankings} />
        <${Seats} ...${all} />
        <${Coupons} ...${all} />
        <${Sale} ...${all} />
        <${Notices} ...${all} />
      </div>
    </main>`;
}

render(html`<${Page} />`, document.getElementById("page"));
