import { h } from "preact";
import htm from "htm";

export { render } from "preact";
export { useState, useEffect, useRef, useMemo, useLayoutEffect, useCallback, useErrorBoundary } from "preact/hooks";
// The bundle has calls of h in place of templates (build.mjs), and then not this.
export const html = /* @__PURE__ */ htm.bind(h);
