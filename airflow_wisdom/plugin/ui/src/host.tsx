/** Airflow's own components, as far as it shares them: those of Chakra UI from Airflow 3.2 on, plain ones before. */
import type { ButtonHTMLAttributes, ComponentType, InputHTMLAttributes } from "react";

type Shared = Partial<Record<string, ComponentType<Record<string, unknown>>>>;

/** Looked for when it is needed: tests have none, and the page is loaded after Airflow's. */
function shared(name: string): ComponentType<Record<string, unknown>> | undefined {
  return (globalThis as { ChakraUI?: Shared }).ChakraUI?.[name];
}

export function Button(props: ButtonHTMLAttributes<HTMLButtonElement>) {
  const Chakra = shared("Button");
  if (Chakra) return <Chakra size="sm" variant="outline" type="button" {...props} />;
  return <button type="button" {...props} className={`acw-button ${props.className ?? ""}`} />;
}

export function Input(props: InputHTMLAttributes<HTMLInputElement>) {
  const Chakra = shared("Input");
  if (Chakra) return <Chakra {...props} size="sm" />;
  return <input {...props} className={`acw-input ${props.className ?? ""}`} />;
}

export function Spinner() {
  const Chakra = shared("Spinner");
  return Chakra ? <Chakra aria-hidden="true" size="sm" /> : <span aria-hidden="true" className="acw-spinner" />;
}
