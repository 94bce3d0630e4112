/* What the page does by itself: steps, buttons that send a value, copying, saving. */
(function () {
  "use strict";
  var LARGEST = 200 * 1024 * 1024;

  function show(step, focus) {
    var section = document.getElementById(step);
    if (!section || !section.classList.contains("step")) return;
    document.querySelectorAll("section.step").forEach(function (one) {
      one.hidden = one !== section;
    });
    document.querySelectorAll("[data-step]").forEach(function (link) {
      if (link.dataset.step === step) link.setAttribute("aria-current", "step");
      else link.removeAttribute("aria-current");
    });
    // outputs of a hidden section are computed once it is shown
    window.jQuery(section).trigger("shown");
    if (focus) {
      var title = document.getElementById(step + "-title");
      if (title) title.focus({ preventScroll: true });
      window.scrollTo(0, 0);
    }
  }

  function current() {
    var section = document.querySelector("section.step:not([hidden])");
    return section ? section.id : "";
  }

  function send(name, value) {
    window.Shiny.setInputValue(name, value, { priority: "event" });
  }

  function copied(button) {
    var before = button.textContent;
    button.textContent = "Copied";
    setTimeout(function () { button.textContent = before; }, 1500);
  }

  function copy(button) {
    var source = document.getElementById(button.dataset.copies);
    if (!source) return;
    navigator.clipboard.writeText(source.textContent).then(
      function () { copied(button); },
      function () {
        var range = document.createRange();
        range.selectNodeContents(source);
        var selection = window.getSelection();
        selection.removeAllRanges();
        selection.addRange(range);
      }
    );
  }

  function save(name, content, type) {
    var link = document.createElement("a");
    var url = URL.createObjectURL(new Blob([content], { type: type }));
    link.href = url;
    link.download = name;
    link.click();
    setTimeout(function () { URL.revokeObjectURL(url); }, 1000);
  }

  document.addEventListener("click", function (event) {
    var target = event.target.closest("[data-step], [data-input], [data-copies], [data-saves]");
    if (!target) return;
    if (target.dataset.step) {
      event.preventDefault();
      show(target.dataset.step, true);
      send("step", target.dataset.step);
    } else if (target.dataset.input) {
      send(target.dataset.input, JSON.parse(target.dataset.value));
    } else if (target.dataset.copies) {
      copy(target);
    } else {
      var svg = target.closest("figure").querySelector("svg");
      if (svg) save(target.dataset.saves, svg.outerHTML, "image/svg+xml");
    }
  });

  // a file that is too large is refused before it is sent
  function tooLarge(files) {
    return Array.prototype.some.call(files || [], function (file) {
      return file.size > LARGEST;
    });
  }
  function refuse(input, text) {
    var place = document.getElementById(input.id + "-refused");
    if (place) place.textContent = text;
  }
  var TOO_LARGE = "This file is larger than 200 MB, which the app does not take. Use the " +
    "command line for it.";
  document.addEventListener("change", function (event) {
    var input = event.target;
    if (!input.matches || !input.matches("input[type=file]")) return;
    refuse(input, "");
    if (tooLarge(input.files)) {
      refuse(input, TOO_LARGE);
      input.value = "";
      event.stopImmediatePropagation();
    }
  }, true);
  document.addEventListener("drop", function (event) {
    event.preventDefault();
    var zone = event.target.closest && event.target.closest(".input-group");
    var input = zone && zone.querySelector("input[type=file]");
    if (!input) return;
    refuse(input, "");
    var files = event.dataTransfer && event.dataTransfer.files;
    if (tooLarge(files)) {
      refuse(input, TOO_LARGE);
      event.stopImmediatePropagation();
    }
  }, true);
  document.addEventListener("dragover", function (event) { event.preventDefault(); });

  window.addEventListener("DOMContentLoaded", function () {
    var $ = window.jQuery;
    $(document).on("shiny:disconnected", function () {
      document.getElementById("lost").hidden = false;
    });
    $(document).on("shiny:sessioninitialized", function () {
      document.documentElement.dataset.ready = "yes";
    });
    window.Shiny.addCustomMessageHandler("step", function (message) {
      if (message.id !== current()) show(message.id, true);
    });
    // a file that was written is saved at once; its link stays
    window.Shiny.addCustomMessageHandler("click", function (message) {
      setTimeout(function () {
        var link = document.getElementById(message.id);
        if (link && link.getAttribute("href")) link.click();
      }, 250);
    });
    // a message moves the eye and the keyboard to what has changed
    window.Shiny.addCustomMessageHandler("focus", function (message) {
      setTimeout(function () {
        var target = document.getElementById(message.id);
        if (!target) return;
        target.focus({ preventScroll: true });
        target.scrollIntoView({ block: "nearest" });
      }, 60);
    });
  });
})();
