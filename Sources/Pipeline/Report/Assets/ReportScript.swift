/// The page's script, in plain JavaScript and without a library. The page is complete without it but
/// for the scatter plot; it adds choices: of the theme, of axes, of inputs, of changed answers.
enum ReportScript {
  /// All parts, in one function, so that nothing of it is global.
  static let source =
    "(function(){\"use strict\";\n" + page + scatter + comparison + flips + "})();\n"

  /// The theme, and what is folded: opened for printing, and where a link leads into it.
  private static let page = #"""
    var data=JSON.parse(document.getElementById("data").textContent);
    function byId(id){return document.getElementById(id);}
    var button=byId("theme"),themes=["","light","dark"],names=["automatic","light","dark"];
    function stored(value){
      try{if(value===undefined)return localStorage.getItem("ctpack-theme")||"";localStorage.setItem("ctpack-theme",value);}
      catch(e){}
      return "";
    }
    function setTheme(value){
      var at=Math.max(0,themes.indexOf(value));
      if(at)document.documentElement.setAttribute("data-theme",themes[at]);
      else document.documentElement.removeAttribute("data-theme");
      button.textContent="Theme: "+names[at];
      return at;
    }
    var theme=setTheme(stored());
    button.hidden=false;
    button.addEventListener("click",function(){theme=setTheme(themes[(theme+1)%3]);stored(themes[theme]);});
    function reveal(){
      var target=location.hash.length>1&&byId(decodeURIComponent(location.hash.slice(1)));
      for(var at=target;at;at=at.parentElement)if(at.tagName==="DETAILS")at.open=true;
      if(target&&target.hasAttribute("tabindex"))target.focus();
    }
    addEventListener("hashchange",reveal);
    if(location.hash)reveal();
    var opened=[];
    addEventListener("beforeprint",function(){
      opened=Array.prototype.slice.call(document.querySelectorAll("details:not([open])"));
      opened.forEach(function(d){d.open=true;});
    });
    addEventListener("afterprint",function(){opened.forEach(function(d){d.open=false;});opened=[];});

    """#

  /// The scatter plot: axes to choose, and the line of the points that no other beats.
  private static let scatter = #"""
    var figure=byId("scatter");
    function shown(axis,v){
      if(axis.unit==="bytes"){
        var units=["bytes","kB","MB","GB"],at=0;
        while(v>=1000&&at<3){v/=1000;at++;}
        return (at?v.toFixed(1):v)+" "+units[at];
      }
      if(axis.unit==="share")return (100*v).toFixed(1)+" %";
      return Math.abs(v)>=1e5||(v!==0&&Math.abs(v)<0.01)?v.toExponential(2):v.toFixed(Math.abs(v)<1?4:2);
    }
    function svg(name,attributes,parent,text){
      var node=document.createElementNS(document.querySelector("svg").namespaceURI,name);
      for(var key in attributes)node.setAttribute(key,attributes[key]);
      if(text!==undefined)node.textContent=text;
      if(parent)parent.appendChild(node);
      return node;
    }
    function ticks(low,high){
      var raw=(high-low)/4,power=Math.pow(10,Math.floor(Math.log10(raw))),step=power;
      [1,2,5,10].some(function(f){step=f*power;return (high-low)/step<=6;});
      var result=[];
      for(var t=Math.ceil(low/step)*step;t<=high+step*1e-9;t+=step)result.push(t);
      return result;
    }
    function points(x,y){
      var result=[];
      data.inputs.forEach(function(input,index){
        var a=x.values[index],b=y.values[index],paired=a[1]!==null||b[1]!==null;
        function add(u,v,prompted){
          if(u!==null&&v!==null)result.push({x:u,y:v,prompted:prompted,index:index,name:input.name});
        }
        add(a[0]===null?a[1]:a[0],b[0],false);
        if(paired&&b[1]!==null)add(a[1]===null?a[0]:a[1],b[1],true);
        else if(paired&&a[1]!==null)add(a[1],b[0],true);
      });
      return result;
    }
    function best(all,x,y){
      var sx=x.higher_is_better?-1:1,sy=y.higher_is_better?-1:1,low=Infinity;
      return all.slice().sort(function(p,q){return sx*(p.x-q.x)||sy*(p.y-q.y);})
        .filter(function(p){if(sy*p.y>=low)return false;low=sy*p.y;return true;});
    }
    function range(values){
      var low=Math.min.apply(null,values),high=Math.max.apply(null,values),margin=(high-low)*0.1||Math.abs(high)*0.1||1;
      return [low-margin,high+margin];
    }
    function draw(){
      var x=data.axes[byId("scatter-x").value],y=data.axes[byId("scatter-y").value],holder=byId("scatter-plot");
      var all=points(x,y),note=byId("scatter-note");
      holder.textContent="";
      if(!all.length){note.textContent="No input has both.";return;}
      var width=Math.max(260,holder.clientWidth),height=Math.max(260,Math.min(420,width*0.62));
      var left=64,right=16,top=14,bottom=44;
      var xr=range(all.map(function(p){return p.x;})),yr=range(all.map(function(p){return p.y;}));
      function px(v){return left+(v-xr[0])/(xr[1]-xr[0])*(width-left-right);}
      function py(v){return height-bottom-(v-yr[0])/(yr[1]-yr[0])*(height-top-bottom);}
      var front=best(all,x,y);
      var root=svg("svg",{viewBox:"0 0 "+width+" "+height,height:height,role:"group",
        "aria-label":y.label+" against "+x.label},holder);
      ticks(yr[0],yr[1]).forEach(function(t){
        svg("path",{d:"M"+left+" "+py(t)+"H"+(width-right),"class":"grid"},root);
        svg("text",{x:left-8,y:py(t)+4,"text-anchor":"end"},root,shown(y,t));
      });
      var room=Math.floor((width-left-right)/84),across=ticks(xr[0],xr[1]);
      across.forEach(function(t,i){
        if(i%Math.ceil(across.length/Math.max(1,room)))return;
        svg("text",{x:px(t),y:height-bottom+18,"text-anchor":"middle"},root,shown(x,t));
      });
      svg("path",{d:"M"+left+" "+top+"V"+(height-bottom)+"H"+(width-right),"class":"frame"},root);
      svg("text",{x:width-right,y:height-6,"text-anchor":"end"},root,x.label);
      svg("text",{x:left+6,y:top+4},root,y.label);
      if(front.length>1){
        var d="M"+px(front[0].x)+" "+py(front[0].y);
        front.slice(1).forEach(function(p){d+="H"+px(p.x)+"V"+py(p.y);});
        svg("path",{d:d,"class":"pareto"},root);
      }
      data.inputs.forEach(function(_,index){
        var own=all.filter(function(p){return p.index===index;});
        if(own.length===2)svg("path",{d:"M"+px(own[0].x)+" "+py(own[0].y)+"L"+px(own[1].x)+" "+py(own[1].y),"class":"pair"},root);
      });
      all.forEach(function(p){
        var words=p.name+(p.prompted?" with prompt":"")+": "+x.label+" "+shown(x,p.x)+", "+y.label+" "+shown(y,p.y)
          +(front.indexOf(p)>=0?"; no other beats it on both":"");
        var link=svg("a",{href:"#bundle-"+(p.index+1),"aria-label":words},root);
        svg("title",{},link,words);
        svg("circle",{cx:px(p.x),cy:py(p.y),r:12,fill:"transparent"},link);
        svg("circle",{cx:px(p.x),cy:py(p.y),r:6,"class":p.prompted?"disc":"ring"},link);
        function tell(){note.textContent=words;}
        link.addEventListener("focus",tell);
        link.addEventListener("mouseenter",tell);
      });
      var taken=[];
      data.inputs.forEach(function(input,index){
        var own=all.filter(function(p){return p.index===index;}),p=own[own.length-1];
        if(!p)return;
        var end=px(p.x)>width*0.6,ty=py(p.y)-10;
        while(taken.some(function(o){return Math.abs(o[0]-px(p.x))<width*0.35&&Math.abs(o[1]-ty)<14;}))ty-=14;
        taken.push([px(p.x),ty]);
        svg("text",{x:px(p.x)+(end?-9:9),y:ty,"text-anchor":end?"end":"start","class":"name"},root,
          input.name.length>28?input.name.slice(0,27)+"…":input.name);
      });
      note.textContent=y.higher_is_better===x.higher_is_better?"":"One axis is better higher, the other lower.";
    }
    if(figure){
      ["scatter-x","scatter-y"].forEach(function(id){
        data.axes.forEach(function(axis,index){
          var option=document.createElement("option");
          option.value=index;option.textContent=axis.label;
          byId(id).appendChild(option);
        });
        byId(id).addEventListener("change",draw);
      });
      var first=data.axes.findIndex(function(a){return a.protocol!==null;});
      byId("scatter-x").value=0;
      byId("scatter-y").value=Math.max(0,first);
      figure.hidden=false;
      draw();
      var wait;
      addEventListener("resize",function(){clearTimeout(wait);wait=setTimeout(draw,120);});
    }

    """#

  /// The comparison: columns of inputs that are left out, and rows in which those left agree.
  private static let comparison = #"""
    var compare=byId("compare-table"),choices=byId("compare-choices");
    function compared(){
      var boxes=Array.prototype.slice.call(choices.querySelectorAll("[data-column]")),shownColumns={},left=0,hidden=0;
      boxes.forEach(function(box){if(box.checked){shownColumns[box.getAttribute("data-column")]=true;left++;}});
      Array.prototype.forEach.call(compare.querySelectorAll("[data-column]"),function(cell){
        cell.hidden=!shownColumns[cell.getAttribute("data-column")];
      });
      Array.prototype.forEach.call(compare.querySelectorAll(".settings tr"),function(row){
        var values={};
        Array.prototype.forEach.call(row.querySelectorAll("td"),function(cell){if(!cell.hidden)values[cell.className+cell.textContent]=true;});
        var equal=Object.keys(values).length<2;
        if(equal)hidden++;
        row.hidden=equal&&!byId("compare-equal").checked;
      });
      byId("compare-note").textContent=left+" compared; "+hidden+" settings are equal"
        +(byId("compare-equal").checked?".":" and hidden.");
    }
    if(choices){
      choices.hidden=false;
      choices.addEventListener("change",compared);
    }

    """#

  /// Filters of changed answers.
  private static let flips = #"""
    Array.prototype.forEach.call(document.querySelectorAll(".flip-filter"),function(bar){
      var items=Array.prototype.slice.call(bar.parentElement.querySelectorAll(".flip"));
      function apply(){
        var wanted={},count=0;
        Array.prototype.forEach.call(bar.querySelectorAll("[data-filter]"),function(c){wanted[c.getAttribute("data-filter")]=c.value;});
        items.forEach(function(item){
          var fits=(!wanted.direction||item.getAttribute("data-direction")===wanted.direction)
            &&(!wanted.subject||item.getAttribute("data-subject")===wanted.subject)
            &&(!wanted.text||item.textContent.toLowerCase().indexOf(wanted.text.toLowerCase())>=0);
          item.hidden=!fits;
          if(fits)count++;
        });
        bar.querySelector(".count").textContent=count+" of "+items.length;
      }
      bar.hidden=false;
      bar.addEventListener("input",apply);
      bar.addEventListener("change",apply);
      apply();
    });

    """#
}
