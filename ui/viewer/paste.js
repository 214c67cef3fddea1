// A picture pasted anywhere on the screen goes into the file uploader, as if it had been dropped: the
// same limits and the same reader. Text pasted into a field stays where it belongs.
export default function ({ data }) {
  const paste = (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    const field = document.querySelector(`.${data.into} input[type=file]`);
    if (!files.length || !field || event.composedPath()[0].closest?.("textarea, [contenteditable]"))
      return;
    const carrier = new DataTransfer();
    for (const file of files) carrier.items.add(file);
    field.files = carrier.files;
    field.dispatchEvent(new Event("change", { bubbles: true }));
    event.preventDefault();
  };
  if (globalThis.brainsegPaste) document.removeEventListener("paste", globalThis.brainsegPaste);
  globalThis.brainsegPaste = paste;
  document.addEventListener("paste", paste);
  return () => document.removeEventListener("paste", paste);
}
