// What a person has chosen of the look: language and light. Kept in this browser; nothing else is kept anywhere.
import { useEffect, useState } from "/assets/dom.js";

const LANGUAGE = "holdfast.language";
const THEME = "holdfast.theme";
const listeners = new Set();

function kept(key, allowed) {
  try {
    const value = localStorage.getItem(key);
    return allowed.includes(value) ? value : null;
  } catch {
    return null; // A browser may forbid it.
  }
}

function keep(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Then it holds until the page is closed.
  }
}

// The worker has written the language that the browser prefers (Accept-Language) into the page.
let language = kept(LANGUAGE, ["ko", "en"]) ?? (document.documentElement.lang === "en" ? "en" : "ko");
let theme = kept(THEME, ["light", "dark"]) ?? "auto";

function apply() {
  document.documentElement.lang = language;
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  for (const listener of listeners) listener();
}

export const currentLanguage = () => language;
export const currentTheme = () => theme;

export function isDark() {
  return theme === "dark" || (theme === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
}

export function setLanguage(wanted) {
  language = wanted;
  keep(LANGUAGE, wanted);
  apply();
}

export function setTheme(wanted) {
  theme = wanted;
  keep(THEME, wanted);
  apply();
}

/** Draws the component again when a setting changes. */
export function useSettings() {
  const [, draw] = useState(0);
  useEffect(() => {
    const changed = () => draw((n) => n + 1);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    listeners.add(changed);
    dark.addEventListener("change", changed);
    return () => {
      listeners.delete(changed);
      dark.removeEventListener("change", changed);
    };
  }, []);
  return { language, theme, dark: isDark() };
}

apply();
