export default function ({ data, parentElement }) {
  parentElement.closest?.('[data-testid="stElementContainer"]')?.setAttribute("aria-hidden", "true");
  if (data) keepSlices(data);
}
