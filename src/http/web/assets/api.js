// The API as the pages call it. Every refusal is an RFC 9457 problem, and its `detail` is written for people in their language.
import { currentLanguage } from "/assets/settings.js";
import { t } from "/assets/words.js";

export class Problem extends Error {
  constructor(status, body) {
    super(body?.detail ?? t("error.status", { status }));
    this.status = status;
    this.code = body?.code ?? "";
    this.errors = body?.errors ?? [];
    this.retryAfterMs = body?.retryAfterMs;
  }

  /** One line for a person. */
  get text() {
    const fields = this.errors.map((error) => `${error.field}: ${error.reason}`).join(" ");
    return [this.message, fields].filter(Boolean).join(" ");
  }
}

/** What to show of whatever was thrown. */
export function said(error) {
  if (error instanceof Problem) return error.text;
  if (error?.name === "AbortError") return "";
  return t("error.network");
}

/** A name for one wish, so that a retry is the same wish. `crypto.randomUUID` is not there on plain HTTP from another machine. */
export function wish() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// How far the worker's clock is from this one, in ms. Each answer says its second (`Date`), so each narrows the bounds.
let atLeast = -Infinity;
let atMost = Infinity;

function learn(date, sentMs, receivedMs) {
  const second = Date.parse(date ?? "");
  if (Number.isNaN(second)) return;
  atLeast = Math.max(atLeast, second - receivedMs);
  atMost = Math.min(atMost, second + 1000 - sentMs);
  if (atLeast > atMost) [atLeast, atMost] = [second - receivedMs, second + 1000 - sentMs]; // A clock was set.
}

/** The worker's time, in ms since the epoch: deadlines are the worker's. */
export const serverNow = () => Date.now() + (atLeast === -Infinity ? 0 : (atLeast + atMost) / 2);

/**
 * Calls the API. Answers `{status, body, headers}`; throws a Problem for 4xx and 5xx.
 * A POST has an Idempotency-Key and is tried once more under it when the network fails: that is safe.
 */
export async function call(method, path, { body, bearer, key, signal, headers: extra } = {}) {
  const headers = { Accept: "application/json", "Accept-Language": currentLanguage(), ...extra };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (bearer) headers.Authorization = `Bearer ${bearer}`;
  if (method === "POST") headers["Idempotency-Key"] = key ?? wish();
  const init = { method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body), cache: "no-cache" };
  let response;
  let sentMs = Date.now();
  try {
    response = await fetch(path, init);
  } catch (error) {
    if (method !== "POST" || error.name === "AbortError") throw error;
    sentMs = Date.now();
    response = await fetch(path, init);
  }
  learn(response.headers.get("date"), sentMs, Date.now());
  const text = await response.text();
  let json = null;
  try {
    json = text ? JSON.parse(text) : null;
  } catch {
    // A proxy in between may answer in HTML.
  }
  if (!response.ok) throw new Problem(response.status, json);
  return { status: response.status, body: json, headers: response.headers };
}

export const get = (path, options) => call("GET", path, options).then((answer) => answer.body);
export const post = (path, body, options) => call("POST", path, { body: body ?? {}, ...options }).then((answer) => answer.body);
export const encode = encodeURIComponent;
