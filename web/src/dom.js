import { h } from "preact";
import htm from "htm";

export { render } from "preact";
export { useState, useEffect, useRef, useMemo, useLayoutEffect, useCallback, useErrorBoundary } from "preact/hooks";
export const html = htm.bind(h);
