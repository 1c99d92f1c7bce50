// The one place that knows which library draws: `html` makes elements, the rest is Preact's.
import { h, render, Fragment } from "/assets/vendor/preact.js";
import htm from "/assets/vendor/htm.js";

export { useCallback, useEffect, useId, useLayoutEffect, useMemo, useReducer, useRef, useState } from "/assets/vendor/hooks.js";
export { h, render, Fragment };
export const html = htm.bind(h);
