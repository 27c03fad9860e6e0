const back = document.getElementById("back");
if (back) addEventListener("load", () => location.replace(back.href));