import htm from "htm";
import { h } from "preact";

export const html = htm.bind(h);
export { Fragment, createContext, h, render } from "preact";
export { useCallback, useContext, useEffect, useId, useLayoutEffect, useMemo, useReducer, useRef, useState } from "preact/hooks";
export { batch, computed, effect, signal } from "@preact/signals";
