/** What Airflow loads: it finds the component under the name that the Python module gives to page and tab. */
import { App } from "./App";

export const NAME = "Amazon Connect";

Reflect.set(globalThis, NAME, App);
