/// The page's rules of style, in plain CSS: two palettes of equal contrast, a layout that follows the
/// width of the screen, and paper.
enum ReportStyle {
  /// All rules. The dark palette is there twice: for systems that ask for it, and for the button.
  static let rules: StaticString = #"""
    :root{color-scheme:light;--page:#f7f6f3;--card:#fff;--ink:#1c1f24;--soft:#575d66;--rule:#d5d3cc;
    --link:#1b549c;--full:#6b7280;--plain:#b3541e;--prompted:#1f66b5;--warm:179,84,30;--cool:31,102,181;
    --focus:#8a3ffc;--mean:#1c1f24;--a1:.12;--a2:.22;--a3:.34;--a4:.46}
    @media (prefers-color-scheme:dark){:root:not([data-theme=light]){color-scheme:dark;--page:#14171b;--card:#1c2026;
    --ink:#e8e6e1;--soft:#a4abb5;--rule:#3a4048;--link:#8fbcf5;--full:#9aa2ad;--plain:#e8965a;--prompted:#6aa9ee;
    --warm:232,150,90;--cool:106,169,238;--focus:#c9a3ff;--mean:#fff;--a1:.12;--a2:.21;--a3:.3;--a4:.38}}
    :root[data-theme=dark]{color-scheme:dark;--page:#14171b;--card:#1c2026;
    --ink:#e8e6e1;--soft:#a4abb5;--rule:#3a4048;--link:#8fbcf5;--full:#9aa2ad;--plain:#e8965a;--prompted:#6aa9ee;
    --warm:232,150,90;--cool:106,169,238;--focus:#c9a3ff;--mean:#fff;--a1:.12;--a2:.21;--a3:.3;--a4:.38}
    *{box-sizing:border-box}
    html{scroll-behavior:smooth;scroll-padding-top:1rem;-webkit-text-size-adjust:100%}
    body,strong,summary,label,legend,p,li{overflow-wrap:break-word}
    .title>div{min-width:0}
    body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
    header.top,main,footer{max-width:68rem;margin:0 auto;padding:0 1.25rem}
    header.top{padding-top:1.5rem}
    .title{display:flex;gap:1rem;justify-content:space-between;align-items:flex-start}
    h1{font-size:1.6rem;line-height:1.2;margin:0;overflow-wrap:anywhere}
    h2{font-size:1.25rem;margin:2.75rem 0 .75rem;padding-top:.75rem;border-top:1px solid var(--rule)}
    h3{font-size:1.05rem;margin:1.5rem 0 .5rem;overflow-wrap:anywhere}
    h4{font-size:1rem;margin:0 0 .4rem}
    p{margin:.5rem 0;max-width:46rem}
    a{color:var(--link);text-underline-offset:.15em}
    code{font:.9em ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,monospace;overflow-wrap:anywhere}
    .muted,.note,.error,figcaption,.axis-title,.legend{color:var(--soft)}
    .note,figcaption,.legend,.axis-title,footer{font-size:.875rem}
    .error{font-size:.85em;white-space:nowrap}
    .digest,.one{white-space:nowrap}
    .card>h3:first-child{margin-top:0}
    .tokens-legend span{color:var(--ink)}
    .scale line{stroke:var(--soft);stroke-width:1}.scale text{fill:var(--soft);font-size:12px}
    .lead{font-size:1.1rem}
    .card{background:var(--card);border:1px solid var(--rule);border-radius:8px;padding:1rem 1.25rem;margin:1rem 0}
    figure{margin:1rem 0}
    figcaption{margin-bottom:.5rem;max-width:46rem}
    nav ul{list-style:none;display:flex;flex-wrap:wrap;gap:.25rem 1.1rem;padding:0;margin:.75rem 0 0}
    nav a,.n,.p{text-decoration:none}
    nav a:hover,.p:hover{text-decoration:underline}
    .n{color:inherit;white-space:nowrap;border-bottom:1px dotted var(--soft)}
    .n:hover{color:var(--link);border-bottom-style:solid}
    .p{font-size:.8em;padding:0 .3em;border:1px solid var(--rule);border-radius:4px;white-space:nowrap}
    .skip{position:absolute;left:-99rem}
    .skip:focus{left:1rem;top:.5rem;background:var(--card);padding:.5rem 1rem;z-index:2}
    :focus-visible{outline:3px solid var(--focus);outline-offset:2px;border-radius:3px}
    main:focus,tr:focus{outline:none}
    tr:target{background:rgba(var(--cool),.16)}
    button,select,input[type=search]{font:inherit;color:inherit;background:var(--card);border:1px solid var(--soft);border-radius:6px;padding:.3rem .6rem;max-width:100%}
    button{white-space:nowrap;cursor:pointer}
    [hidden]{display:none!important}
    .controls{display:flex;flex-wrap:wrap;gap:.4rem 1.1rem;align-items:center;margin:.5rem 0;border:0;padding:0;min-width:0}
    .controls label{max-width:100%}
    legend{font-weight:600;padding:0;margin-bottom:.25rem}
    .scroll{overflow-x:auto;margin:.75rem 0}
    table{border-collapse:collapse;font-variant-numeric:tabular-nums}
    caption{padding-right:max(0px,calc(100% - 100vw + 2.5rem));text-align:left;color:var(--soft);font-size:.875rem;padding-bottom:.35rem}
    th,td{text-align:left;vertical-align:top;padding:.3rem .75rem .3rem 0;font-weight:400}
    thead th{color:var(--soft);font-size:.875rem;vertical-align:bottom}
    tbody tr{border-top:1px solid var(--rule)}
    .num{text-align:right}
    .plain td.num,.plain th.num{padding-left:.5rem}
    .wide thead th{max-width:10rem}.wide tbody td{min-width:5rem}
    .plain tbody th{overflow-wrap:anywhere;min-width:6.5rem}
    .protocols td{min-width:6rem}.protocols tbody th{min-width:2.5rem}
    .bars{width:100%;max-width:46rem}
    .bars td.plot{width:45%;min-width:6rem}
    .bars tbody td,.bars tbody th{vertical-align:middle}
    .bars .num{white-space:nowrap}
    .strips{max-width:none}.strips tbody th{min-width:7rem}.strips tfoot td{border-top:1px solid var(--rule)}
    .strips td.plot{width:34%;min-width:9rem}
    svg.bar,svg.mini{display:block;width:100%;overflow:visible}
    svg.mini{margin-top:.25rem}
    .mini rect{fill:var(--full)}
    .bar rect{fill:var(--full)}
    .bar line{stroke:var(--ink);stroke-width:1.5}
    .compressed .bar rect{fill:var(--plain)}
    .compressed_prompt .bar rect{fill:var(--prompted)}
    .full_prompt .bar rect{fill:url(#hatch);stroke:var(--full)}
    .hatch{stroke:var(--full);stroke-width:2;fill:none}
    .defs{position:absolute}
    .strips .bar .median{stroke:var(--card);stroke-width:2.5}
    .strips .full_prompt .median{stroke:var(--ink)}
    .bar .mean{fill:var(--mean);stroke:var(--card)}
    .bar .maximum{fill:var(--ink);font-size:14px}
    details{margin:.5rem 0}
    details details{margin-left:1rem}
    summary{cursor:pointer;color:var(--link);padding:.2rem 0;overflow-wrap:anywhere}
    .compare th,.compare td{padding-right:1.1rem;max-width:16rem;overflow-wrap:anywhere}
    .compare tbody th,.compare thead th:first-child{min-width:10rem}.compare td{min-width:6rem}
    .compare .num{text-align:left}
    .compare thead th{font-weight:600;color:var(--ink)}
    .tree,.tree ul{list-style:none;margin:0;padding-left:1.1rem}
    .tree{padding-left:0;margin:1rem 0}
    .tree ul li{position:relative;padding:.2rem 0 .2rem .25rem}
    .tree ul li::before{content:"";position:absolute;left:-.85rem;top:0;height:.95rem;width:.8rem;border-left:1px solid var(--soft);border-bottom:1px solid var(--soft)}
    .tree ul>li:not(:last-child)::after{content:"";position:absolute;left:-.85rem;top:0;bottom:0;border-left:1px solid var(--soft)}
    .steps{display:flex;flex-wrap:wrap;gap:.1rem .4rem;list-style:none;padding:0;margin:0;font-size:.875rem}
    .steps li{padding:0!important}
    .steps li::before,.steps li::after{content:none!important}
    .steps li:not(:last-child) code::after{content:" →";color:var(--soft)}
    .map{display:grid;grid-template-columns:max-content repeat(var(--blocks),minmax(3px,1fr));gap:2px;max-width:60rem;align-items:center}
    .map .name{font-size:.8rem;padding-right:.5rem;color:var(--soft)}
    .map .axis{font-size:.7rem;color:var(--soft);width:0;white-space:nowrap}
    .cell{display:inline-block;min-height:1.15rem;border-radius:2px;background:rgba(var(--warm),var(--a,.1))}
    .legend .cell{width:1.1rem;vertical-align:middle;margin-left:.5rem}
    .t0{--a:.1}.t1{--a:.27}.t2{--a:.45}.t3{--a:.63}.t4{--a:.81}.t5{--a:1}
    .cell.none{background:none;border:1px dotted var(--rule)}
    .chart{position:relative;margin:0 .5rem 1.6rem 4rem}
    .chart svg{display:block;width:100%;height:15rem;overflow:visible;border-left:1px solid var(--soft);border-bottom:1px solid var(--soft)}
    .chart .up span{position:absolute;right:100%;margin-right:.4rem;transform:translateY(-50%);font-size:.8rem;color:var(--soft);white-space:nowrap}
    .chart .across span{position:absolute;top:100%;margin-top:.2rem;transform:translateX(-50%);font-size:.8rem;color:var(--soft)}
    .facts .cell{background:rgba(var(--cool),var(--a,.1))}
    .axis-title{margin:.25rem 0}.axis-title.end{text-align:right;max-width:none}
    path{fill:none}
    .grid{stroke:var(--rule);stroke-width:1}
    .level{stroke:var(--soft);stroke-width:1.5;stroke-dasharray:2 4}
    .line{stroke-width:2.2;stroke-linejoin:round}
    .s0{stroke:var(--prompted)}.s1{stroke:var(--plain);stroke-dasharray:7 4}.s2{stroke:var(--full);stroke-dasharray:2 3}
    .s3{stroke:var(--ink);stroke-dasharray:9 3 2 3}.s4{stroke:var(--focus);stroke-dasharray:4 4}
    .marked{stroke-width:10;stroke-linecap:round;stroke-dasharray:none}
    ul.legend{list-style:none;padding:0;margin:.25rem 0;display:flex;flex-wrap:wrap;gap:.2rem 1.2rem}
    .heatmap td,.heatmap th{padding:.45rem .7rem;border:1px solid var(--rule)}
    .heat{background:rgba(var(--hue,128,128,128),var(--a,0))}
    .better1,.better2,.better3{--hue:var(--cool)}.worse1,.worse2,.worse3{--hue:var(--warm)}
    .better1,.worse1{--a:.14}.better2,.worse2{--a:.28}.better3,.worse3{--a:.42}
    .own{font-weight:600;outline:2px solid var(--soft);outline-offset:-3px}
    .flip{border-top:1px solid var(--rule);padding:.75rem 0}
    .verbatim{white-space:pre-wrap;overflow-wrap:anywhere;max-width:46rem}
    ol.verbatim{margin:.25rem 0;padding-left:1.5rem}
    .mark{font-weight:600}
    .right_wrong{color:var(--plain);font-weight:600}.wrong_right{color:var(--prompted);font-weight:600}
    .token-text{white-space:pre-wrap;overflow-wrap:anywhere;max-width:none;line-height:1.9;margin:.75rem 0}
    .token-view [data-l]{--v:0;border-bottom:2px solid transparent;padding-bottom:1px}
    .token-view:not(:has([value=regained]:checked)) [data-l="1"],.token-view:has([value=regained]:checked) .token-text [data-r="-1"]{background:rgba(var(--warm),var(--a1));border-bottom:1px solid rgb(var(--warm))}
    .token-view:not(:has([value=regained]:checked)) [data-l="2"],.token-view:has([value=regained]:checked) .token-text [data-r="-2"]{background:rgba(var(--warm),var(--a2));border-bottom:2px solid rgb(var(--warm))}
    .token-view:not(:has([value=regained]:checked)) [data-l="3"],.token-view:has([value=regained]:checked) .token-text [data-r="-3"]{background:rgba(var(--warm),var(--a3));border-bottom:3px solid rgb(var(--warm))}
    .token-view:not(:has([value=regained]:checked)) [data-l="4"],.token-view:has([value=regained]:checked) .token-text [data-r="-4"]{background:rgba(var(--warm),var(--a4));border-bottom:4px solid rgb(var(--warm))}
    .token-view:not(:has([value=regained]:checked)) [data-l="-1"],.token-view:has([value=regained]:checked) .token-text [data-r="1"]{background:rgba(var(--cool),var(--a1));border-bottom:1px dotted rgb(var(--cool))}
    .token-view:not(:has([value=regained]:checked)) [data-l="-2"],.token-view:has([value=regained]:checked) .token-text [data-r="2"]{background:rgba(var(--cool),var(--a2));border-bottom:2px dotted rgb(var(--cool))}
    .token-view:not(:has([value=regained]:checked)) [data-l="-3"],.token-view:has([value=regained]:checked) .token-text [data-r="3"]{background:rgba(var(--cool),var(--a3));border-bottom:3px dotted rgb(var(--cool))}
    .token-view:not(:has([value=regained]:checked)) [data-l="-4"],.token-view:has([value=regained]:checked) .token-text [data-r="4"]{background:rgba(var(--cool),var(--a4));border-bottom:4px dotted rgb(var(--cool))}
    #scatter-plot svg{display:block;width:100%;overflow:visible}
    #scatter-plot text{fill:var(--soft);font-size:12.5px}
    #scatter-plot .name{fill:var(--ink)}
    #scatter-plot .ring{fill:var(--card);stroke:var(--plain);stroke-width:2.5}
    #scatter-plot .disc{fill:var(--prompted);stroke:var(--card)}
    #scatter-plot .pair{stroke:var(--soft);stroke-dasharray:2 3}
    #scatter-plot .pareto{stroke:var(--ink);stroke-width:1.5;fill:none}
    #scatter-plot .frame{stroke:var(--soft);fill:none}
    #scatter-plot a:focus-visible{outline:none}
    #scatter-plot a:focus-visible circle{stroke:var(--focus);stroke-width:4}
    footer{margin-top:3rem;padding-bottom:2rem;border-top:1px solid var(--rule)}
    @media (max-width:40rem){body{font-size:15px}header.top,main,footer{padding-left:1rem;padding-right:1rem}.card{padding:.75rem .8rem}
    .bars{font-size:.85rem}.bars th,.bars td{padding-right:.4rem}.bars td.plot{width:30%;min-width:4rem}.bars .error{display:block}
    .strips td.plot{min-width:8rem}.chart{margin-left:3.2rem}.chart svg{height:11rem}.map .name{font-size:.68rem;max-width:5.5rem;overflow-wrap:anywhere;line-height:1.1}.map{gap:1px}h1{font-size:1.3rem}}
    @media (prefers-reduced-motion:reduce){html{scroll-behavior:auto}}
    @media print{:root,:root:not([data-theme=light]),:root[data-theme=dark]{color-scheme:light;--page:#fff;--card:#fff;--ink:#000;--soft:#444;--rule:#bbb;
    --link:#000;--full:#6b7280;--plain:#b3541e;--prompted:#1f66b5;--warm:179,84,30;--cool:31,102,181;--mean:#000;--a1:.12;--a2:.22;--a3:.34;--a4:.46}
    body{font-size:10.5pt}*{-webkit-print-color-adjust:exact;print-color-adjust:exact}
    .scroll table{font-size:8.5pt}.scroll td,.scroll th{padding-right:.45rem}.strips td.plot{width:22%;min-width:5rem}.strips tbody th{min-width:5rem}
    header nav,#theme,.controls,.skip{display:none}.scroll{overflow:visible}.card{break-inside:avoid;border-color:#bbb}
    h2,h3{break-after:avoid}tr,.flip{break-inside:avoid}header.top,main,footer{max-width:none;padding:0}}
    """#
}
